"""Which trajectories a recipe takes, before anything is built.

Duplicates, and trajectories that the format cannot carry, are found only when the export is built.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from engine.reviewing.verdicts import ACCEPTED, Admission, admitted
from engine.types import Recipe, Standing, TrajectoryFilter
from storage import filters, tables
from storage.database import Database

_AWAITS: Standing = "awaits_correction"


def count_admitted(db: Database, recipe: Recipe) -> int:
    """Return how many trajectories a recipe admits."""
    query = select(func.count()).select_from(tables.trajectory).where(*filters.where(db.dialect, recipe.filter))
    with db.read() as session:
        return sum(session.execute(query.where(*_conditions(part))).scalar_one() for part in admitted(recipe))


def _conditions(part: Admission) -> list[ColumnElement[bool]]:
    t = tables.trajectory.c
    found = [filters.with_standing(part.standings), t.status.in_(part.statuses)]
    return [*found, t.turns > 0] if part.talked else found


def likely_admitted(recipe: Recipe) -> TrajectoryFilter:
    """Return a filter for most of what a recipe admits, for a preview that reads a few.

    It may find some that are refused, and misses those that a human accepted although judges rejected them.
    """
    chosen = recipe.filter
    if recipe.only_accepted:
        return chosen if chosen.verdicts else chosen.model_copy(update={"verdicts": ACCEPTED})
    if recipe.include_rejected or chosen.statuses:
        return chosen
    return chosen.model_copy(update={"statuses": ("kept",)})


def awaiting_correction(recipe: Recipe) -> TrajectoryFilter | None:
    """Return a filter for those of a recipe's trajectories that are held back until a reviewer writes a correction;
    None where its filter excludes them."""
    if _AWAITS not in (recipe.filter.verdicts or (_AWAITS,)):
        return None
    return recipe.filter.model_copy(update={"verdicts": (_AWAITS,)})
