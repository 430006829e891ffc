"""mini-swe-agent: whole trajectories, in whose messages `extra.train` says what may be trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

FORMS = {
    "trace": Target(
        title="mini-swe-agent",
        line="Whole trajectories as mini-swe-agent saves them, with commands, judgement and masks in `extra`.",
        format="mini_swe_agent",
        tried_with="harbor 0.25.0",
        options={},
        untrained={
            "mask": "stays, with `train` false in the `extra` of its message",
            **ENDS,
        },
        masking="Each message of the assistant says in `extra.train` whether it may be trained. mini-swe-agent itself "
        "has no such field, so a trainer that reads its files must be told of it.",
        settings="""
# the split $split; each line of $file is what mini-swe-agent saves as one .traj.json
documents = [json.loads(line) for line in open("$file")]
""",
        language="python",
        group="traces",
        tried="consumers",
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Messages of the assistant whose `extra.train` is true."""
    for message in row["messages"]:
        if message["role"] == "assistant" and message["extra"]["train"]:
            yield {key: value for key, value in message.items() if key != "extra"}


EXAMPLE = TargetExample(trained=_trained)
