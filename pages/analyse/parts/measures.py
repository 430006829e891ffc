"""What the charts of the analysis draw: series to compare, cached aggregates, and the filter behind each bar.

Aggregates are kept for a minute and dropped as soon as a trajectory, a review or an export changes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from engine.reviewing.verdicts import ACCEPTED, EFFECTS
from engine.types import STAGES, TrajectoryFilter
from pages._ui.badges import CULPRIT, OUTCOME, mode_name, score_name, version_name, words
from pages._ui.format import UNKNOWN, count, money, number
from storage import analytics
from storage.batches import list_batches
from storage.database import Database

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
_FIELDS = {"reason": "reasons"} | {group: f"{group}s" for group in GROUPS if group != "reason"}
BARS = 20
MOST_COMPARED = 6
_KEPT = {"ttl": 60, "max_entries": 256, "show_spinner": False}
_HASHES: dict[Any, Any] = {
    Database: lambda database: str(database.url),
    TrajectoryFilter: lambda chosen: chosen.model_dump_json(),
}


@dataclass(frozen=True)
class Series:
    """One of the things compared: a name and which trajectories it holds."""

    name: str
    filter: TrajectoryFilter


def version(database: Database) -> tuple[int, ...]:
    """Return numbers that change when what the charts show may have changed."""
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
    """Return [name, mean, unmeasured, count, judge, method, versions] by score; `versions` of its judge as text."""
    frame = analytics.score_summary(database, chosen)
    judges = analytics.score_judges(database, list(frame["name"]))
    versions = analytics.score_versions(database, chosen)
    by = [judges.get(name, ("", "")) for name in frame["name"]]
    return frame.assign(
        judge=[judge for judge, _ in by],
        method=[method for _, method in by],
        versions=["; ".join(map(version_name, versions.get(judge, ()))) for judge, _ in by],
    )


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
    """Return [value, total, kept, rejected, failed, success, mean_reward]."""
    return analytics.breakdown(database, chosen, by)


@st.cache_data(**_KEPT, hash_funcs=_HASHES)
def funnel(database: Database, chosen: TrajectoryFilter, version: tuple[int, ...]) -> pd.DataFrame:
    """Return [stage, count, lost, gained, reasons]."""
    return analytics.funnel(database, chosen)


# ---------------------------------------------------------------- bins


def edges_of(database: Database, series: Sequence[Series], value: str, version: tuple[int, ...]) -> tuple[float, ...]:
    """Return the edges of the bins that all series share; none when nothing is measured.

    Scores and rewards get twenty equal bins over 0..1, counts get bins of whole numbers.
    """
    if value not in NUMBERS or value == "reward":
        return tuple(i / BARS for i in range(BARS + 1))
    known = [found for one in series if (found := extent(database, one.filter, value, version))]
    if not known:
        return ()
    low, high = min(a for a, _ in known), max(b for _, b in known)
    if value == "cost_usd":
        return _even(low, high)
    width = max(1, math.ceil((high - low + 1) / BARS))
    width = _round_up(width)
    first = int(low) - int(low) % width
    return tuple(float(edge) for edge in range(first, int(high) + width + 1, width))


def _even(low: float, high: float) -> tuple[float, ...]:
    high = high if high > low else low + 0.01
    return (*(low + (high - low) * i / BARS for i in range(BARS)), high)


def _round_up(width: int) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50 … so that bins start at round numbers."""
    size = 10 ** (len(str(width)) - 1)
    return next(step * size for step in (1, 2, 5, 10) if step * size >= width)


def bin_filter(chosen: TrajectoryFilter, value: str, low: float, high: float, last: bool) -> TrajectoryFilter | None:
    """Return which of the chosen trajectories a bin counts, or None where no filter can say it.

    Bins are half open, so the upper end is the number just below; the last bin includes its edge.
    """
    end = high if last else math.nextafter(high, -math.inf)
    if value not in NUMBERS:
        if chosen.score not in (None, value):
            return None
        return chosen.model_copy(update={"score": value, **_narrow(chosen, "score_min", "score_max", low, end)})
    if value in ("turns", "tokens", "tool_calls"):
        return chosen.model_copy(
            update=_narrow(chosen, f"min_{value}", f"max_{value}", math.ceil(low), math.ceil(high) - (not last))
        )
    return chosen.model_copy(update=_narrow(chosen, f"min_{value}", f"max_{value}", low, end))


def _narrow(chosen: TrajectoryFilter, least: str, most: str, low: float, high: float) -> dict[str, float]:
    before, after = getattr(chosen, least), getattr(chosen, most)
    return {least: low if before is None else max(low, before), most: high if after is None else min(high, after)}


def bin_name(value: str, low: float, high: float) -> str:
    """Return what a bin holds, in words: "0.50 to 0.55", "12", "100 to 199"."""
    if value in ("turns", "tokens", "tool_calls"):
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


def group_filter(chosen: TrajectoryFilter, by: str, value: str | None, **more: Any) -> TrajectoryFilter:
    """Return the chosen trajectories with this value, or without any."""
    return chosen.model_copy(update={_FIELDS[by]: ("none" if value is None else value,), **more})


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


def outcome_filter(chosen: TrajectoryFilter, outcome: str, culprit: str | None) -> TrajectoryFilter:
    """Return the chosen trajectories of one outcome and culprit; a success has none."""
    culprits = chosen.culprits if outcome == "success" else (culprit or "none",)
    return chosen.model_copy(update={"outcomes": (outcome,), "culprits": culprits})


# ---------------------------------------------------------------- losses


def losses(frame: pd.DataFrame) -> Iterator[tuple[str, str, int]]:
    """Yield (stage, reason, count) of a funnel, in the order of the stages."""
    for stage, reasons in zip(frame["stage"], frame["reasons"], strict=True):
        for reason, times in json.loads(reasons).items():
            yield str(stage), str(reason), int(times)


def loss_filter(chosen: TrajectoryFilter, stage: str, reason: str) -> TrajectoryFilter | None:
    """Return the trajectories lost at a stage for a reason; None for planned rollouts that left no trajectory yet,
    and for what was not exported, which no one filter describes."""
    if reason == "not_finished":
        return None
    if stage in ("reviewed", "accepted"):
        standings = tuple(name for name, effect in EFFECTS.items() if effect.loss == reason)
        return chosen.model_copy(update={"statuses": ("kept",), "verdicts": standings})
    if stage == "exported":
        return None
    return chosen.model_copy(update={"stages": (stage,), "reasons": (reason,)})


def stage_filter(chosen: TrajectoryFilter, stage: str) -> TrajectoryFilter:
    """Return the trajectories that came through a stage; of what is planned, those that exist, and of what was
    reviewed, those that judges had kept."""
    if stage == "planned":
        return chosen
    if stage == "judged":
        return chosen.model_copy(update={"statuses": ("kept",)})
    if stage == "reviewed":
        return _with_verdict(chosen, "none", *ACCEPTED).model_copy(update={"statuses": ("kept",)})
    if stage == "accepted":
        return _with_verdict(chosen, *ACCEPTED)
    if stage == "exported":
        return chosen.model_copy(update={"exported": True})
    later = max(stage, chosen.reached or stage, key=[*STAGES].index)
    return chosen.model_copy(update={"reached": later})


def reviewed_parts(chosen: TrajectoryFilter) -> dict[str, TrajectoryFilter]:
    """Return the parts of what is fit for export after review: no human spoke, accepted, taken back."""
    kept = {"statuses": ("kept",)}
    lost = {"statuses": tuple(status for status in chosen.statuses or ("rejected", "failed") if status != "kept")}
    return {
        "silent": _with_verdict(chosen, "none").model_copy(update=kept),
        "accepted": _with_verdict(chosen, *ACCEPTED).model_copy(update=kept),
        "taken_back": _with_verdict(chosen, *ACCEPTED).model_copy(update=lost),
    }


def _with_verdict(chosen: TrajectoryFilter, *allowed: str) -> TrajectoryFilter:
    verdicts = tuple(verdict for verdict in chosen.verdicts or allowed if verdict in allowed)
    return chosen.model_copy(update={"verdicts": verdicts})
