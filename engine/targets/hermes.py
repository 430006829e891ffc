"""The rows of Hermes function calling: calls and results as JSON in tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_DATASETS, ENDS, Target

FORMS = {
    "sft": Target(
        title="Hermes",
        line="ShareGPT turns with calls in `<tool_call>` and results in `<tool_response>`, as in hermes-function- "
        "calling.",
        format="dataset_rows",
        options={"convention": ("hermes",), "reasoning": ("drop", "think")},
        untrained=ENDS,
        masking="The rows have no mark, and every `gpt` turn is trained, so a row ends before the first that must not "
        "be.",
        settings="""
data = load_dataset("$loader", data_files=$files)["$split"]
""",
        language="python",
        group="datasets",
        tried="documents",
        **BY_DATASETS,
    ),
}


def _trained(row: Mapping[str, Any]) -> Iterator[Any]:
    """Every turn of the model."""
    yield from (turn for turn in row["conversations"] if turn["from"] == "gpt")


EXAMPLE = TargetExample(trained=_trained)
