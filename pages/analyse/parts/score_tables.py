"""The tables of the scores page: every score with its judge, and the tokens, cost and time of each batch and model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages._ui.badges import score_name, words
from pages._ui.format import UNKNOWN, seconds
from pages._ui.text import literal
from pages.analyse.parts import measures
from pages.analyse.parts.measures import Series
from storage.database import Database

_SHOWN = 5
"""How many scores a caption names."""


def score_table(database: Database, series: Sequence[Series], version: tuple[int, ...]) -> None:
    """Draw every score with its judge, its mean, and how often it could not be measured."""
    st.header("Scores", anchor=False)
    several = len(series) > 1
    parts = [measures.summary(database, one.filter, version).assign(batch=one.name) for one in series]
    table = pd.concat(parts).sort_values(["name", "batch"], kind="stable")
    if table.empty:
        st.caption("No judge has scored these trajectories.")
        return
    if not several:
        table["shape"] = [_shape(database, series[0], name, version) for name in table["name"]]
    table["measured"] = table["count"] - table["unmeasured"]
    table["name"] = [score_name(name) for name in table["name"]]
    table["judge"] = [words(judge) if judge else UNKNOWN for judge in table["judge"]]
    columns = {
        "name": st.column_config.TextColumn("Score", width=150),
        **({"batch": st.column_config.TextColumn("Batch", width=180)} if several else {}),
        "mean": st.column_config.ProgressColumn("Mean", min_value=0.0, max_value=1.0, format="%.3f", width=130),
        "measured": st.column_config.NumberColumn("Measured", format="localized", width=90),
        "unmeasured": st.column_config.NumberColumn("Unmeasured", format="localized", width=100),
        **({} if several else {"shape": st.column_config.BarChartColumn("From 0 to 1", y_min=0, y_max=1, width=120)}),
        "judge": st.column_config.TextColumn("Judge", width=80),
        "method": st.column_config.TextColumn("Method", width=80),
        "versions": st.column_config.TextColumn(
            "Version", width=260, help="Of the judge; with the rubric and the prompt that it used."
        ),
    }
    st.dataframe(
        table,
        hide_index=True,
        column_config=columns,
        column_order=list(columns),
        key="table_scores",
        alt="Scores with their means",
        placeholder=UNKNOWN,
        height="content" if len(table) <= 15 else "auto",
    )
    mixed = table[table["mixed"].astype(bool)].groupby(["judge", "versions"], sort=False)["name"].unique()
    for (judge, versions), names in mixed.items():
        what = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        said = f"{judge}: these scores come from several versions ({versions}): {what}. Compare batches to part them."
        st.caption(literal(said))


def _shape(database: Database, one: Series, name: str, version: tuple[int, ...]) -> list[float]:
    """Return a score's distribution in ten bins, the largest as 1."""
    edges = tuple(i / 10 for i in range(11))
    counts = measures.histogram(database, one.filter, name, edges, version)["count"]
    most = int(counts.max()) if len(counts) else 0
    return [int(n) / most if most else 0.0 for n in counts]


def usage_table(frames: Sequence[pd.DataFrame]) -> None:
    """Draw tokens, cost and time for each batch and model."""
    st.header("Tokens, cost and time", anchor=False)
    table = pd.concat([frame for frame in frames if len(frame)])
    table = table.assign(
        batch=[f"#{n} {name}" for n, name in zip(table["batch_id"], table["batch"], strict=True)],
        each=(table["tokens"] / table["trajectories"]).round(),
        cost_usd=[
            None if unpriced and not cost else cost  # only what called no model has a price
            for cost, unpriced in zip(table["cost_usd"], table["unpriced"], strict=True)
        ],
        time=[
            seconds(None if math.isnan(total) else total / n)
            for total, n in zip(table["seconds"].astype(float), table["trajectories"], strict=True)
        ],
    )
    columns = {
        "batch": st.column_config.TextColumn("Batch", width=220),
        "model": st.column_config.TextColumn("Model", width=170),
        "trajectories": st.column_config.NumberColumn("Trajectories", format="localized"),
        "tokens": st.column_config.NumberColumn("Tokens", format="localized"),
        "each": st.column_config.NumberColumn("Tokens each", format="localized"),
        "cost_usd": st.column_config.NumberColumn("Cost", format="dollar"),
        "unpriced": st.column_config.NumberColumn("Without a price", format="localized"),
        "time": st.column_config.TextColumn("Time each"),
    }
    st.dataframe(
        table,
        hide_index=True,
        column_config=columns,
        column_order=list(columns),
        key="table_usage",
        alt="Tokens, cost and time by batch and model",
        placeholder=UNKNOWN,
        height="content" if len(table) <= 15 else "auto",
    )
