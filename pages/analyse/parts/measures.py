"""Series to compare, cached aggregates, and the words for bins and groups of the charts.

Aggregates are cached for a minute and dropped as soon as a trajectory, a review or an export changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from engine.types import TrajectoryFilter
from pages._ui.badges import CULPRIT, OUTCOME, mode_name, score_name, version_name, words
from pages._ui.format import UNKNOWN, count, money, number
from storage.analysing import analytics
from storage.analysing.chart_filters import WHOLE, bin_edges
from storage.database import Database
from storage.generating.batches import list_batches

NUMBERS = {
    "reward": "Reward",
    "turns": "Turns",
    "tokens": "Tokens",
    "tool_calls": "Tool calls",
    "cost_usd": "Cost",
}
GROUPS = {
    "domain": "Domain",
    "mode": "Mode",
    "tool": "Tool",
    "persona": "Persona",
    "model": "Model",
    "teacher": "Teacher",
    "template": "Template",
    "reason": "Reason",
    "tag": "Problem tag",
}
MOST_COMPARED = 6
_KEPT = {"ttl": 60, "max_entries": 256, "show_spinner": False}
_HASHES: dict[Any, Any] = {
    Database: lambda database: str(database.url),
    TrajectoryFilter: lambda chosen: chosen.model_dump_json(),
}


@dataclass(frozen=True)
class Series:
    """One series of a comparison: its name and the filter for its trajectories."""

    name: str
    filter: TrajectoryFilter


def version(database: Database) -> tuple[int, ...]:
    """Return numbers that differ once the charts may be out of date; a key of the caches."""
    found = analytics.overview(database)
    return (found.trajectories, found.reviewed, found.exports, found.batches, *analytics.freshness(database))


def batch_names(database: Database) -> dict[str, str]:
    """Return the batches that can be compared, newest first: id as text → "#3 name"."""
    return {str(row.id): f"#{row.id} {row.name}" for row in list_batches(database, limit=200)}


def series_of(chosen: TrajectoryFilter, compared: Sequence[str], names: dict[str, str]) -> list[Series]:
    """Return one series for each compared batch, or the filter alone when fewer than two are compared."""
    ids = [batch for batch in compared if batch in names][:MOST_COMPARED]
    if len(ids) < 2:
        return [Series("All", chosen)]
    return [Series(names[batch], chosen.model_copy(update={"batches": (int(batch),)})) for batch in ids]


# ---------------------------------------------------------------- cached aggregates


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def histogram(
    database: Database, chosen: TrajectoryFilter, value: str, edges: tuple[float, ...], version: tuple[int, ...]
) -> pd.DataFrame:
    """Return [low, high, count]."""
    return analytics.histogram(database, chosen, value, edges=edges)


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def extent(
    database: Database, chosen: TrajectoryFilter, value: str, version: tuple[int, ...]
) -> tuple[float, float] | None:
    """Return the least and greatest value."""
    return analytics.extent(database, chosen, value)


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def summary(database: Database, chosen: TrajectoryFilter, version: tuple[int, ...]) -> pd.DataFrame:
    """Return [name, mean, unmeasured, count, judge, method, versions, mixed] by score; `versions` in words,
    and whether they are `mixed`: not all of them asked the same."""
    frame = analytics.score_summary(database, chosen)
    judges = analytics.score_judges(database, list(frame["name"]))
    versions = analytics.score_versions(database, chosen)
    by = [judges.get(name, ("", "")) for name in frame["name"]]
    found = [
        sorted({*versions.get((judge, name), ()), *versions.get((judge, ""), ())})
        for name, (judge, _) in zip(frame["name"], by, strict=True)
    ]
    return frame.assign(
        judge=[judge for judge, _ in by],
        method=[method for _, method in by],
        versions=["; ".join(map(version_name, several)) for several in found],
        mixed=[are_mixed(several) for several in found],
    )


def are_mixed(versions: Sequence[str]) -> bool:
    """Return whether scores of these versions should not be read as one. Questions that tasks bring beside the same
    rubric are no other version: "default/2/p" and "default+ledger/2+1/p" agree."""
    by_rubric: dict[str, str] = {}
    firsts = set()
    for one in versions:
        match one.rsplit("/", 2):
            case [names, numbers, prompt]:
                asked = list(zip(names.split("+"), numbers.split("+"), strict=False))
                firsts.add((asked[0][0], prompt))
            case _:
                asked = [("", one)]
                firsts.add(("", ""))
        if any(by_rubric.setdefault(name, number) != number for name, number in asked):
            return True
    return len(firsts) > 1


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def mean(
    database: Database, chosen: TrajectoryFilter, value: str, version: tuple[int, ...]
) -> tuple[float | None, int]:
    """Return the mean of a number or score, and over how many."""
    return analytics.mean(database, chosen, value)


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def outcomes(database: Database, chosen: TrajectoryFilter, version: tuple[int, ...]) -> pd.DataFrame:
    """Return [outcome, culprit, count]."""
    return analytics.outcomes(database, chosen)


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def usage(database: Database, chosen: TrajectoryFilter, version: tuple[int, ...]) -> pd.DataFrame:
    """Return [batch_id, batch, model, trajectories, tokens, cost_usd, unpriced, seconds]."""
    return analytics.usage(database, chosen)


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def breakdown(database: Database, chosen: TrajectoryFilter, by: str, version: tuple[int, ...]) -> pd.DataFrame:
    """Return [value, total, kept, rejected, failed, unmeasured, success, mean_reward]."""
    return analytics.breakdown(database, chosen, by)


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def funnel(database: Database, chosen: TrajectoryFilter, version: tuple[int, ...]) -> pd.DataFrame:
    """Return [stage, count, lost, gained, reasons]."""
    return analytics.funnel(database, chosen)


# ---------------------------------------------------------------- bins


def edges_of(database: Database, series: Sequence[Series], value: str, version: tuple[int, ...]) -> tuple[float, ...]:
    """Return the edges of the bins that all series share; none when nothing is measured."""
    return bin_edges(value, [found for one in series if (found := extent(database, one.filter, value, version))])


def bin_name(value: str, low: float, high: float) -> str:
    """Return what a bin holds, in words: "0.50 to 0.55", "12", "100 to 199"."""
    if value in WHOLE:
        return count(int(low)) if high - low <= 1 else f"{count(int(low))} to {count(int(high) - 1)}"
    return f"{money(low)} to {money(high)}" if value == "cost_usd" else f"{number(low)} to {number(high)}"


def exact(value: str, found: float | None) -> str:
    """Return a mean as text."""
    if found is None:
        return UNKNOWN
    return money(found) if value == "cost_usd" else number(found, 3 if found < 2 else 1)


def value_name(value: str) -> str:
    """Return the words for a number or a score."""
    return NUMBERS.get(value) or score_name(value)


# ---------------------------------------------------------------- groups


def group_name(by: str, value: str | None) -> str:
    """Return a value of a group as it is shown."""
    if value is None:
        return "None"
    return mode_name(value) if by == "mode" else words(value) if by == "reason" else value


def present(value: Any) -> str | None:
    """Return a frame's text, or None for what pandas calls missing."""
    return None if value is None or value != value else str(value)


def outcome_name(outcome: str, culprit: str | None) -> str:
    """Return "Failure: agent"."""
    name = OUTCOME[outcome].word
    return f"{name}: {CULPRIT[culprit].word.lower()}" if culprit else name
