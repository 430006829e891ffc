"""Text: rendered with a chat template of one's own, or plain for continued pretraining."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import Target

FORMS = {
    "template": Target(
        title="Text by your chat template",
        line="Prompt and completion as text, rendered with a chat template of your own, for one answer a row.",
        format="text",
        options={"form": ("template",)},
        untrained={
            "mask": "is read, not trained: no row completes with it",
            "cut": "ends the dialogue, and what follows is left out",
        },
        masking="Each answer that may be trained is the completion of a row of its own, so neither other answers nor "
        "results of tools are trained. The text is that of your template, which you choose among the options.",
        settings="""
data = load_dataset("json", data_files=$files)["$split"]  # train on completion, not on prompt
""",
        language="python",
        tried="loader",
    ),
    "plain": Target(
        title="Plain text",
        line="Whole dialogues as plain text, for continued pretraining.",
        format="text",
        options={"form": ("plain",), "template": ("",), "reasoning": ("drop",)},
        untrained={"cut": "ends the dialogue, and what follows is left out"},
        masking="Continued pretraining trains all of a text, requests and results too. A row ends before the first "
        "answer that must not be trained.",
        settings="""
data = load_dataset("json", data_files=$files)["$split"]  # the column text
""",
        language="python",
    ),
}


def _completed(row: Mapping[str, Any]) -> Iterator[str]:
    """The completion alone."""
    yield row["completion"]


def _said(row: Mapping[str, Any]) -> Iterator[str]:
    """All of the text is trained; of interest is what the assistant says in it."""
    parts = re.split(r"\n\n(?=User: |Assistant: |System: |Result of )", row["text"])
    yield from (part for part in parts if part.startswith("Assistant: "))


EXAMPLES = {"template": TargetExample(trained=_completed), "plain": TargetExample(trained=_said)}
