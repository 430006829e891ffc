"""Scores as a table, for analysis: nothing is trained from it."""

from __future__ import annotations

from dataclasses import replace

from engine.exporting.target import Target

_CSV = Target(
    title="Scores (CSV)",
    line="One row for each score of each trajectory, with judge, reason, status and where it comes from.",
    format="scores",
    options={"file": ("csv",)},
    untrained={
        "mask": "changes nothing: the table holds no turns",
        "cut": "changes nothing: the table holds no turns",
    },
    masking="Nothing is trained from this table. What a human rejected is not in it.",
    settings="""
import pandas

scores = pandas.read_csv("$file")  # the split $split; it is not meant to train on
wide = scores.pivot_table(index="trajectory", columns="score", values="value")
""",
    language="python",
    group="datasets",
    tried="loader",
    tried_with="pandas 3.1",
    trains=False,
    rejected_too=True,
)
FORMS = {
    "csv": _CSV,
    "parquet": replace(
        _CSV,
        title="Scores (Parquet)",
        options={"file": ("parquet",)},
        settings=_CSV.settings.replace("read_csv", "read_parquet"),
    ),
}
