"""What targets share whose rows are text that is rendered already: one answer a row, which completes a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.exporting.target import BY_DATASETS, Target

RENDERED = Target(
    title="Text by a chat template",
    line="Prompt and completion as text, rendered with your chat template, for one answer a row.",
    format="text",
    options={"form": ("template",)},
    untrained={
        "mask": "is read, not trained: no row completes with it",
        "cut": "ends the dialogue, and what follows is left out",
    },
    masking="Each answer that may be trained is the completion of a row of its own, so neither other answers nor "
    "results of tools are trained. The text is that of your template, which you choose among the options.",
    settings="",
    language="python",
    **BY_DATASETS,
)
"""A target gives it a title and settings of its own."""


def completed(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is trained of a row: the completion alone."""
    yield row["completion"]
