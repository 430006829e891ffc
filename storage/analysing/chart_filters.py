"""From a bar of a chart to a filter for the trajectories that it counts: bins, groups, outcomes. Pure.

Each function narrows the filter that the chart was drawn for (analytics.py); funnel.py does so for the funnel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from engine.types import TrajectoryFilter
from storage.columns import CHOICES, NUMBERS

BINS = 20
WHOLE = ("turns", "tokens", "tool_calls")
"""Those NUMBERS that are whole."""
_FIELDS = {column: field for field, column in CHOICES.items()} | {"tool": "tools", "tag": "tags"}


def bin_edges(value: str, extents: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Return the ascending edges of the bins that several distributions share; none when nothing is measured.

    `value` is one of NUMBERS or the name of a score, `extents` are (smallest, greatest) of each distribution. Scores
    and rewards get BINS equal bins over 0..1, a cost as many over the values that occur, counts get bins of whole
    numbers.
    """
    if value not in NUMBERS or value == "reward":
        return tuple(i / BINS for i in range(BINS + 1))
    if not extents:
        return ()
    low, high = min(least for least, _ in extents), max(most for _, most in extents)
    if value not in WHOLE:
        high = high if high > low else low + 0.01
        return (*(low + (high - low) * i / BINS for i in range(BINS)), high)
    width = _round_up(max(1, math.ceil((high - low + 1) / BINS)))
    first = int(low) - int(low) % width
    return tuple(float(edge) for edge in range(first, int(high) + width + 1, width))


def _round_up(width: int) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50 … so that bins start at round numbers."""
    size = int(10 ** (len(str(width)) - 1))
    return next(step * size for step in (1, 2, 5, 10) if step * size >= width)


def bin_filter(filter: TrajectoryFilter, value: str, low: float, high: float, *, last: bool) -> TrajectoryFilter | None:
    """Return a filter for the bin from `low` to `high`; None for a score while the filter holds another one.

    Bins are half open, so the upper end is the number just below; the last bin includes its edge.
    """
    end = high if last else math.nextafter(high, -math.inf)
    if value in WHOLE:
        return _bounded(filter, f"min_{value}", f"max_{value}", math.ceil(low), math.ceil(high) - (not last))
    if value in NUMBERS:
        return _bounded(filter, f"min_{value}", f"max_{value}", low, end)
    if filter.score not in (None, value):
        return None
    return _bounded(filter.model_copy(update={"score": value}), "score_min", "score_max", low, end)


def _bounded(filter: TrajectoryFilter, least: str, most: str, low: float, high: float) -> TrajectoryFilter:
    """Return the filter with these bounds, or with its own where they are narrower."""
    before, after = getattr(filter, least), getattr(filter, most)
    bounds = {least: low if before is None else max(low, before), most: high if after is None else min(high, after)}
    return filter.model_copy(update=bounds)


def group_filter(filter: TrajectoryFilter, by: str, value: str | None, **more: Any) -> TrajectoryFilter:
    """Return a filter for one row of `analytics.breakdown`; `value` None means those without a value, `more` are
    further fields of the filter."""
    return filter.model_copy(update={_FIELDS[by]: ("none" if value is None else value,), **more})


def outcome_filter(filter: TrajectoryFilter, outcome: str, culprit: str | None) -> TrajectoryFilter:
    """Return a filter for one row of `analytics.outcomes`; a success has no culprit."""
    culprits = filter.culprits if outcome == "success" else (culprit or "none",)
    return filter.model_copy(update={"outcomes": (outcome,), "culprits": culprits})
