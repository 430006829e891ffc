"""LLaMA-Factory: it trains every turn of the assistant, so a row ends before the first that must not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import Target

FORMS = {
    "sft": Target(
        title="LLaMA-Factory",
        line="ShareGPT rows with dataset_info.json, which end before the first turn that must not be trained.",
        format="llamafactory",
        tried_with="llamafactory 0.9.5",
        options={"masked": ("cut",)},
        untrained={"cut": "ends the dialogue, and what follows is left out"},
        masking="LLaMA-Factory trains every `gpt` and `function_call` turn that it sees. A row therefore ends before "
        "the first one that must not be trained.",
        settings="""
dataset_dir: .  # this folder, with dataset_info.json
dataset: turnwright_$stem
mask_history: false
train_on_prompt: false
""",
        language="yaml",
        usual=True,
    )
}


def _trained(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """SupervisedDatasetProcessor: every answer of the sharegpt roles at even places."""
    yield from (turn for turn in row["conversations"] if turn["from"] in ("gpt", "function_call"))


EXAMPLE = TargetExample(trained=_trained)
