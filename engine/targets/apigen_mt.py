"""The rows of APIGen-MT: ShareGPT with calls and observations as turns of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import BY_DATASETS, ENDS, Target

FORMS = {
    "sft": Target(
        title="APIGen-MT",
        line="ShareGPT turns with `function_call` and `observation`, system and tools beside, as in APIGen-MT-5k.",
        format="llamafactory",
        options={"form": ("sharegpt",), "masked": ("cut",), "reasoning": ("drop",), "beside_call": ("drop",)},
        untrained=ENDS,
        masking="The rows have no mark, and every `gpt` and `function_call` turn is trained, so a row ends before the "
        "first that must not be.",
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
    yield from (turn for turn in row["conversations"] if turn["from"] in ("gpt", "function_call"))


EXAMPLE = TargetExample(trained=_trained)
