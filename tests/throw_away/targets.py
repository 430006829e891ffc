"""A trainer that reads plain messages, and trains all that the assistant says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import Target

FORMS = {
    "sft": Target(
        title="Throw-away trainer",
        line="Messages that end before the first turn that must not be trained.",
        format="chat_jsonl",
        options={"masked": ("cut",), "turn_flag": ("none",), "loss": ("none",), "split_untrained": (False,)},
        untrained={"cut": "ends the dialogue, and what follows is left out"},
        masking="It trains every turn of the assistant, so a row ends before the first that must not be trained.",
        settings="data: $file  # the split $split",
        language="yaml",
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (message for message in row["messages"] if message["role"] == "assistant")


EXAMPLE = TargetExample(trained=_trained)
