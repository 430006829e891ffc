"""OpenRLHF: it gives no tools to a template, so it gets text that is rendered already."""

from __future__ import annotations

from dataclasses import replace

from engine.examples import TargetExample
from engine.exporting.rendered_text import RENDERED, completed

FORMS = {
    "sft": replace(
        RENDERED,
        title="OpenRLHF",
        tried_with="openrlhf 0.11.2",
        settings="""
openrlhf.cli.train_sft --dataset $file --input_key prompt --output_key completion  # the split $split
""",
        language="sh",
        packed=("none",),
        sharded=False,
    ),
}
EXAMPLE = TargetExample(trained=completed)
