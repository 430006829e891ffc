"""Text: rendered with a chat template of one's own, or plain for continued pretraining."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.examples import TargetExample
from engine.exporting.rendered_text import RENDERED, completed
from engine.exporting.target import BY_DATASETS, ENDS, Target

FORMS = {
    "template": replace(
        RENDERED,
        title="Text by your chat template",
        line="Prompt and completion as text, rendered with a chat template of your own, for one answer a row.",
        settings="""
data = load_dataset("$loader", data_files=$files)["$split"]  # train on completion, not on prompt
""",
        tried="loader",
    ),
    "plain": Target(
        title="Plain text",
        line="Whole dialogues as plain text, for continued pretraining.",
        format="text",
        options={"form": ("plain",), "template": ("",), "reasoning": ("drop",)},
        untrained=ENDS,
        masking="Continued pretraining trains all of a text, requests and results too. A row ends before the first "
        "answer that must not be trained.",
        settings="""
data = load_dataset("$loader", data_files=$files)["$split"]  # the column text
""",
        language="python",
        **BY_DATASETS,
    ),
}


def _said(row: Mapping[str, Any]) -> Iterator[str]:
    """All of the text is trained; of interest is what the assistant says in it."""
    parts = re.split(r"\n\n(?=User: |Assistant: |System: |Result of )", row["text"])
    yield from (part for part in parts if part.startswith("Assistant: "))


EXAMPLES = {"template": TargetExample(trained=completed), "plain": TargetExample(trained=_said)}
