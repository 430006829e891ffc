"""Unsloth: its helper knows no calls, so it gets text that is rendered already."""

from __future__ import annotations

from dataclasses import replace

from engine.examples import TargetExample
from engine.exporting.rendered_text import RENDERED, completed

FORMS = {
    "sft": replace(
        RENDERED,
        title="Unsloth",
        tried_with="unsloth 2026.10.9",
        settings="""
data = load_dataset("$loader", data_files=$files)
trainer = SFTTrainer(model, args=SFTConfig(completion_only_loss=True, max_length=None), train_dataset=data["$split"])
""",
    ),
}
EXAMPLE = TargetExample(trained=completed)
