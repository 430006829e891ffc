"""The rows of xLAM function calling: one request and the calls that answer it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_DATASETS, ENDS, Target

FORMS = {
    "sft": Target(
        title="xLAM",
        line="One request with its calls and tools, as in xlam-function-calling-60k; later turns are left out.",
        format="dataset_rows",
        options={"convention": ("xlam",), "reasoning": ("drop",)},
        untrained=ENDS,
        masking="A row holds the first calls only. Where they must not be trained there is no row.",
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
    """The calls."""
    yield row["answers"]


EXAMPLE = TargetExample(trained=_trained, whole=False)
