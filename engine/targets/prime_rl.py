"""prime-rl: it trains every turn of the assistant, of a prompt too, so a row ends before the first that must not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_DATASETS, BY_ROLE, ENDS, Target

FORMS = {
    "sft": Target(
        title="prime-rl",
        line="Messages that end before the first turn that must not be trained.",
        format="chat_jsonl",
        tried_with="prime-rl of 2026-08-21",
        options={
            **BY_ROLE,
            "arguments": ("string", "object"),
            "tools": ("string", "list"),
        },
        untrained=ENDS,
        masking="prime-rl chooses what it trains by role alone and puts `prompt` and `completion` together, so it "
        "trains every turn of the assistant that it sees. A row therefore ends before the first one that must not be "
        "trained.",
        settings="""
# `name` is the folder that holds the file
[data]
type = "sft"
name = "."
splits = ["$split"]

[data.loss_mask]
system = false
user = false
assistant = true
tool = false
""",
        language="toml",
        usual=True,
        **BY_DATASETS,
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """SFTDataset._process: messages, else prompt and completion put together, and then by role alone."""
    messages = row["messages"] if "messages" in row else [*row["prompt"], *row["completion"]]
    yield from (message for message in messages if message["role"] == "assistant")


EXAMPLE = TargetExample(trained=_trained)
