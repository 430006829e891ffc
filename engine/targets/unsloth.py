"""Unsloth: its helper knows no calls, so it gets text that is rendered already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import Target

FORMS = {
    "sft": Target(
        title="Unsloth",
        line="Prompt and completion as text, rendered with your chat template, for one answer a row.",
        format="text",
        options={"form": ("template",)},
        untrained={
            "mask": "is read, not trained: no row completes with it",
            "cut": "ends the dialogue, and what follows is left out",
        },
        masking="Each answer that may be trained is the completion of a row of its own, so neither other answers nor "
        "results of tools are trained. The text is that of your template, which you choose among the options.",
        settings="""
data = load_dataset("json", data_files=$files)
trainer = SFTTrainer(model, args=SFTConfig(completion_only_loss=True, max_length=None), train_dataset=data["$split"])
""",
        language="python",
    ),
}


def _completed(row: Mapping[str, Any]) -> Iterator[str]:
    """The completion alone."""
    yield row["completion"]


EXAMPLE = TargetExample(trained=_completed)
