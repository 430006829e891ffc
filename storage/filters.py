"""TrajectoryFilter -> SQL conditions, and the orders that lists come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, exists, or_, select

from engine.errors import InputError
from engine.types import STAGES, Stage, Standing, TrajectoryFilter
from storage import search, tables
from storage.columns import CHOICES, RANGES, bits

_t = tables.trajectory.c


@dataclass(frozen=True)
class Sort:
    """Order by a column, then by the id. Rows without a value come last."""

    column: Column[Any]
    descending: bool


SORTS = {
    "newest": Sort(_t.id, True),
    "oldest": Sort(_t.id, False),
    "reward_low": Sort(_t.reward, False),
    "reward_high": Sort(_t.reward, True),
    "turns": Sort(_t.turns, True),
    "tool_calls": Sort(_t.tool_calls, True),
    "tokens": Sort(_t.tokens, True),
    "cost": Sort(_t.cost_usd, True),
}


def sort_named(name: str) -> Sort:
    """Return the order of this name. Raises InputError."""
    if name not in SORTS:
        raise InputError("sort", f"there is no order {name!r}.", f"Choose one of: {', '.join(SORTS)}.")
    return SORTS[name]


def order_by(sort: Sort, *, reverse: bool = False) -> tuple[ColumnElement[Any], ...]:
    """Return the ORDER BY terms; with `reverse` the list is read from its end."""
    descending = sort.descending != reverse
    second = _t.id.desc() if descending else _t.id.asc()
    if sort.column is _t.id:
        return (second,)
    first = sort.column.desc() if descending else sort.column.asc()
    return (first.nulls_first() if reverse else first.nulls_last(), second)


def after(sort: Sort, value: Any, id: int, *, strictly_before: bool = False) -> ColumnElement[bool]:
    """Return the condition for rows behind (or before) the one with this value and id."""
    column: Column[Any] = sort.column
    forward = sort.descending == strictly_before
    beyond = _t.id > id if forward else _t.id < id
    if column is _t.id:
        return beyond
    if value is None:
        same = and_(column.is_(None), beyond)
        return or_(same, column.is_not(None)) if strictly_before else same
    further = column > value if forward else column < value
    found = or_(further, and_(column == value, beyond))
    return found if strictly_before else or_(found, column.is_(None))


def where(dialect: str, chosen: TrajectoryFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on the trajectory table; an empty filter gives none."""
    found: list[ColumnElement[bool]] = []
    for field, name in CHOICES.items():
        if values := getattr(chosen, field):
            found.append(_among(_t[name], values))
    if chosen.stages:
        found.append(_lost_at(chosen.stages))
    if chosen.reached not in (None, "planned"):
        found.append(or_(_t.status == "kept", _lost_at(STAGES[STAGES.index(chosen.reached) + 1 :])))
    if chosen.exported is not None:
        found.append(_t.exported.is_(chosen.exported))
    if chosen.tools:
        use = tables.tool_use.c
        found.append(_t.id.in_(select(use.trajectory_id).where(use.tool.in_(chosen.tools))))
    if chosen.tags:
        r, tag = tables.review.c, tables.review_tag.c
        tagged = select(r.trajectory_id).join_from(tables.review, tables.review_tag, tag.review_id == r.id)
        found.append(_t.id.in_(tagged.where(tag.tag.in_(chosen.tags))))
    if chosen.subsets:
        found.append(_t.subsets.bitwise_and(bits(chosen.subsets)) != 0)
    for name in RANGES:
        found += _between(_t[name], getattr(chosen, f"min_{name}"), getattr(chosen, f"max_{name}"))
    if chosen.score is not None:
        s = tables.score.c
        found.append(
            exists().where(
                s.trajectory_id == _t.id,
                s.name == chosen.score,
                *_between(s.value, chosen.score_min, chosen.score_max),
            )
        )
    if chosen.text.strip():
        found.append(search.clause(dialect, chosen.text))
    return found


def with_standing(standings: Sequence[Standing]) -> ColumnElement[bool]:
    """Return the condition for trajectories that reviews give one of these standings."""
    return _among(_t.verdict, standings)


def _among(column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    given = [value for value in values if value != "none" or not column.nullable]
    parts: list[ColumnElement[bool]] = []
    if given:
        parts.append(column == given[0] if len(given) == 1 else column.in_(given))
    if len(given) < len(values):
        parts.append(column.is_(None))
    return or_(*parts)


def _lost_at(stages: Sequence[Stage]) -> ColumnElement[bool]:
    """Return the condition for what was lost at one of the stages, as the funnel counts it: a loss that names no
    stage is the judges', and what was lost while it was planned was never proven."""
    named = {"proven" if stage == "planned" else stage for stage in stages}
    parts = [_t.stage.in_(sorted(named | ({"planned"} if "proven" in named else set())))]
    if "judged" in named:
        parts.append(_t.stage.is_(None))
    return and_(_t.status != "kept", or_(*parts))


def _between(column: Column[Any], low: float | None, high: float | None) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = []
    if low is not None:
        parts.append(column >= low)
    if high is not None:
        parts.append(column <= high)
    return parts
