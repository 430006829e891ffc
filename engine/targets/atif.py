"""ATIF of Harbor: whole trajectories, in whose steps `extra.train` says what may be trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import ENDS, Target

FORMS = {
    "trace": Target(
        title="ATIF (Harbor)",
        line="Whole trajectories as ATIF v1.8 documents: steps with calls and results, judgement and masks in `extra`.",
        format="atif",
        tried_with="harbor 0.25.0",
        options={},
        untrained={
            "mask": "stays, with `train` false in the `extra` of its step",
            **ENDS,
        },
        masking="Each step of the agent says in `extra.train` whether it may be trained. ATIF itself has no such "
        "field, so a trainer that reads ATIF must be told of it.",
        settings="""
# the split $split; each line of $file is a document
documents = [Trajectory.model_validate_json(line) for line in open("$file")]
trained = [step for one in documents for step in one.steps if step.extra and step.extra.get("train")]
""",
        language="python",
        group="traces",
        usual=True,
        tried="consumers",
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Steps of the agent whose `extra.train` is true, without the results, which are not written by a model."""
    for step in row["steps"]:
        if step["source"] == "agent" and step["extra"]["train"]:
            yield {key: value for key, value in step.items() if key != "observation"}


EXAMPLE = TargetExample(trained=_trained)
