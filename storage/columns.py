"""The columns of the table of trajectories that filters, charts and lists of values go by; what a batch has left.

intake/rows.py fills each column from a Trajectory. A new column needs a line here, a value there, a field in tables.py
and a migration.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement

from engine.types import SUBSETS, Subset
from storage import tables

CHOICES = {
    "batches": "batch_id",
    "domains": "domain",
    "templates": "template",
    "modes": "mode",
    "personas": "persona",
    "teachers": "teacher",
    "models": "model",
    "statuses": "status",
    "outcomes": "outcome",
    "culprits": "culprit",
    "reasons": "reason",
    "verdicts": "verdict",
}
"""Fields of TrajectoryFilter that choose among values, with the column that holds the value."""
FACETS = {field: column for field, column in CHOICES.items() if field not in ("batches", "verdicts")}
"""Those whose values are noted batch by batch as trajectories arrive."""
GROUPS = tuple(column for column in FACETS.values() if column != "status")
"""Columns by which a chart groups trajectories; within each group it counts statuses."""
NUMBERS = ("reward", "turns", "tokens", "tool_calls", "cost_usd")
"""Columns whose distribution a chart shows."""
RANGES = (*NUMBERS, "rating")
"""Columns that TrajectoryFilter bounds by its fields min_<column> and max_<column>."""


def bits(subsets: Iterable[Subset]) -> int:
    """Return the value of the column `subsets`: one bit for each of SUBSETS, the first the lowest."""
    return sum(1 << SUBSETS.index(name) for name in subsets)


def named_subsets(value: int) -> tuple[Subset, ...]:
    """Return the subsets of a value of the column `subsets`; bits of a newer Turnwright are left out."""
    return tuple(name for place, name in enumerate(SUBSETS) if value >> place & 1)


def unfinished() -> ColumnElement[int]:
    """Return the SQL expression for the rollouts of a batch that have no trajectory yet."""
    b = tables.batch.c
    return b.planned - b.kept - b.rejected - b.failed - b.unmeasured
