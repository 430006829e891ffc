"""The rows of ToolACE: tools in the system text, calls as Python in brackets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_DATASETS, ENDS, Target

FORMS = {
    "sft": Target(
        title="ToolACE",
        line="A system text with the tools and turns with calls as `[name(argument=value)]`, as in ToolACE.",
        format="dataset_rows",
        options={"convention": ("toolace",), "reasoning": ("drop",)},
        untrained=ENDS,
        masking="The rows have no mark, and every turn of the assistant is trained, so a row ends before the first "
        "that must not be.",
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
    """Every turn of the assistant."""
    yield from (turn for turn in row["conversations"] if turn["from"] == "assistant")


EXAMPLE = TargetExample(trained=_trained)
