"""Numbers behind charts and reports, aggregated in SQL, so that only what is drawn comes back. The funnel is in
funnel.py.

A value that was not measured is None and counts in no mean. A histogram without a filter, or with a single equality, is
read from covering indexes alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
from sqlalchemy import Column, ColumnElement, Select, Subquery, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from engine.errors import InputError
from engine.reviewing.verdicts import REVIEWED
from engine.types import TrajectoryFilter
from storage import facets, filters, tables
from storage.analysing.funnel import funnel
from storage.columns import GROUPS, NUMBERS
from storage.database import Database

__all__ = [
    "Overview",
    "breakdown",
    "extent",
    "freshness",
    "funnel",
    "histogram",
    "mean",
    "outcomes",
    "overview",
    "score_judges",
    "score_names",
    "score_summary",
    "score_versions",
    "usage",
]

_t = tables.trajectory.c


@dataclass(frozen=True)
class Overview:
    """Counts over everything. `cost_usd` sums what is known; `unpriced_calls` are not in it."""

    domains: int
    personas: int
    batches: int
    queued: int
    running: int
    paused: int
    trajectories: int
    kept: int
    rejected: int
    failed: int
    unmeasured: int
    reviewed: int
    exports: int
    tokens: int
    cost_usd: float
    priced_calls: int
    unpriced_calls: int


# ---------------------------------------------------------------- distributions


def extent(db: Database, filter: TrajectoryFilter, value: str) -> tuple[float, float] | None:
    """Return the smallest and the greatest value in a column of NUMBERS, (0, 1) for a score or the reward; None when
    nothing is measured."""
    if value == "reward" or value not in NUMBERS:
        return 0.0, 1.0
    column, conditions = _t[value], filters.where(db.dialect, filter)
    with db.read() as session:
        low = session.execute(select(func.min(column)).where(*conditions)).scalar()
        high = session.execute(select(func.max(column)).where(*conditions)).scalar()
    return None if low is None or high is None else (float(low), float(high))


def histogram(
    db: Database, filter: TrajectoryFilter, value: str = "reward", bins: int = 20, *, edges: Sequence[float] = ()
) -> pd.DataFrame:
    """Return [low, high, count] of a column of NUMBERS, else of the score of that name; without unmeasured ones.

    Scores and rewards get equal bins over 0..1, other columns over the values that occur, unless `edges` (ascending)
    are given. The last bin includes its upper edge. Raises InputError for less than 1 or more than 200 bins.
    """
    bins = len(edges) - 1 if edges else bins
    if not 1 <= bins <= 200:
        raise InputError("bins", f"{bins} is out of range.", "Use 1 to 200.")
    conditions = filters.where(db.dialect, filter)
    column, extra = _column_of(value)
    if value not in NUMBERS and conditions:
        extra.append(tables.score.c.trajectory_id.in_(select(_t.id).where(*conditions)))
    else:
        extra += conditions
    with db.read() as session:
        low, high = (edges[0], edges[-1]) if edges else _range(session, value, column, extra)
        if low is None or high is None:
            return pd.DataFrame({"low": [], "high": [], "count": []}).astype({"count": int})
        marks = list(edges) or [low + (high - low) * i / bins for i in range(bins)] + [high]
        indexed = (len(conditions) <= 1 and value in NUMBERS) or not conditions or len(marks) == 2
        counts = (_count_by_ranges if indexed else _count_in_one_pass)(session, column, extra, marks)
    return pd.DataFrame({"low": marks[:-1], "high": marks[1:], "count": counts})


def _column_of(value: str) -> tuple[Column[Any], list[ColumnElement[bool]]]:
    """Return the column that holds a value of `histogram`, and the condition that finds its rows."""
    if value in NUMBERS:
        return _t[value], []
    return tables.score.c.value, [tables.score.c.name == value]


def _range(
    session: Session, value: str, column: Column[Any], conditions: list[ColumnElement[bool]]
) -> tuple[float | None, float | None]:
    if value == "reward" or value not in NUMBERS:
        return 0.0, 1.0
    low = session.execute(select(func.min(column)).where(*conditions)).scalar()
    high = session.execute(select(func.max(column)).where(*conditions)).scalar()
    if low is None or high is None:
        return None, None
    return float(low), float(high) if high > low else float(low) + 1.0


def _count_by_ranges(
    session: Session, column: Column[Any], conditions: list[ColumnElement[bool]], edges: list[float]
) -> list[int]:
    """Return the count of each bin, one range of an index after the other, so that no row is sorted or grouped."""
    last = len(edges) - 2
    parts = [
        select(literal(i).label("bin"), func.count().label("n")).where(
            *conditions, column >= edges[i], column <= edges[i + 1] if i == last else column < edges[i + 1]
        )
        for i in range(last + 1)
    ]
    found = {int(b): int(n) for b, n in session.execute(union_all(*parts))}
    return [found[i] for i in range(last + 1)]


def _count_in_one_pass(
    session: Session, column: Column[Any], conditions: list[ColumnElement[bool]], edges: list[float]
) -> list[int]:
    """Return the count of each bin from one pass over the rows that meet the conditions."""
    last = len(edges) - 2
    number = case(*((column < edges[i + 1], i) for i in range(last)), else_=last)
    query = select(number.label("bin"), func.count().label("n")).where(
        *conditions, column >= edges[0], column <= edges[-1]
    )
    found = {int(b): int(n) for b, n in session.execute(query.group_by("bin"))}
    return [found.get(i, 0) for i in range(last + 1)]


def mean(db: Database, filter: TrajectoryFilter, value: str = "reward") -> tuple[float | None, int]:
    """Return (mean, how many were measured) of a column of NUMBERS, else of the score of that name.

    The mean is None when nothing was measured.
    """
    column, extra = _column_of(value)
    conditions = filters.where(db.dialect, filter)
    if value not in NUMBERS and conditions:
        extra.append(tables.score.c.trajectory_id.in_(select(_t.id).where(*conditions)))
    else:
        extra += conditions
    with db.read() as session:
        found, measured = session.execute(select(func.avg(column), func.count(column)).where(*extra)).one()
    return None if found is None else float(found), int(measured)


def score_names(db: Database, filter: TrajectoryFilter) -> list[str]:
    """Return the names of the scores that the filtered trajectories carry."""
    return [str(name) for name in score_summary(db, filter)["name"]]


def score_summary(db: Database, filter: TrajectoryFilter) -> pd.DataFrame:
    """Return [name, mean, unmeasured, count] by score; `mean` over the measured ones, None without any."""
    s = tables.score.c
    query = select(s.name, func.avg(s.value), func.count() - func.count(s.value), func.count()).group_by(s.name)
    if conditions := filters.where(db.dialect, filter):
        query = query.where(s.trajectory_id.in_(select(_t.id).where(*conditions)))
    return _frame(db, query.order_by(s.name), ["name", "mean", "unmeasured", "count"])


def score_judges(db: Database, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return (judge, method) of the scores of these names, read from one of each; unknown names are left out."""
    s = tables.score.c
    with db.read() as session:
        found = {n: session.execute(select(s.source, s.method).where(s.name == n).limit(1)).first() for n in names}
    return {name: (str(row.source), str(row.method)) for name, row in found.items() if row is not None}


def score_versions(db: Database, filter: TrajectoryFilter) -> dict[tuple[str, str], list[str]]:
    """Return which versions gave each score in the batches of the filtered trajectories, by (judge, name of the score),
    sorted. What is stored of older trajectories may hold for any score of the judge, and has the name ""."""
    f = tables.facet.c
    query = select(f.value).where(f.field == facets.VERSIONS).distinct().order_by(f.value)
    if conditions := filters.where(db.dialect, filter):
        query = query.where(f.batch_id.in_(select(_t.batch_id).where(*conditions).distinct()))
    found: dict[tuple[str, str], list[str]] = {}
    with db.read() as session:
        for judge, version, *name in map(json.loads, session.execute(query).scalars()):
            found.setdefault((judge, name[0] if name else ""), []).append(version)
    return found


# ---------------------------------------------------------------- groups


def breakdown(db: Database, filter: TrajectoryFilter, by: str) -> pd.DataFrame:
    """Return [value, total, kept, rejected, failed, unmeasured, success, mean_reward] for each value, largest first.

    `by` is domain, mode, persona, model, teacher, outcome, culprit, reason, template, tool or tag. With "tool" a
    trajectory counts once under each tool that it called, with "tag" once under each problem tag of its reviews; when
    the filter names tools or tags, only under those. Rows without a value have None.
    """
    several = _many_valued(filter).get(by)
    if several is None and by not in GROUPS:
        known = (*GROUPS, *_many_valued(filter))
        raise InputError("by", f"there is no grouping {by!r}.", f"Choose one of: {', '.join(known)}.")
    column: ColumnElement[Any] = _t[by] if several is None else several.c.value
    total = func.count().label("total")
    query = select(
        column,
        total,
        _number_of(_t.status == "kept"),
        _number_of(_t.status == "rejected"),
        _number_of(_t.status == "failed"),
        _number_of(_t.status == "unmeasured"),
        _number_of(_t.outcome == "success"),
        func.avg(_t.reward),
    )
    if several is not None:
        query = query.join_from(several, tables.trajectory, several.c.trajectory_id == _t.id)
    query = query.where(*filters.where(db.dialect, filter)).group_by(column).order_by(total.desc(), column)
    return _frame(db, query, ["value", "total", "kept", "rejected", "failed", "unmeasured", "success", "mean_reward"])


def _many_valued(filter: TrajectoryFilter) -> dict[str, Subquery]:
    """Return SELECTs of (trajectory_id, value) for the groupings in which a trajectory may have several values."""
    use, r, tag = tables.tool_use.c, tables.review.c, tables.review_tag.c
    tools = select(use.trajectory_id, use.tool.label("value"))
    tags = select(r.trajectory_id, tag.tag.label("value")).join_from(
        tables.review_tag, tables.review, tag.review_id == r.id
    )
    if filter.tools:
        tools = tools.where(use.tool.in_(filter.tools))
    if filter.tags:
        tags = tags.where(tag.tag.in_(filter.tags))
    return {"tool": tools.subquery(), "tag": tags.distinct().subquery()}


def outcomes(db: Database, filter: TrajectoryFilter) -> pd.DataFrame:
    """Return [outcome, culprit, count]; the culprit is None for successes and where nobody is at fault."""
    count = func.count().label("count")
    culprit = case((_t.outcome != "success", _t.culprit)).label("blamed")
    query = select(_t.outcome, culprit, count).where(*filters.where(db.dialect, filter))
    query = query.group_by(_t.outcome, "blamed").order_by(count.desc(), _t.outcome, "blamed")
    return _frame(db, query, ["outcome", "culprit", "count"])


def usage(db: Database, filter: TrajectoryFilter) -> pd.DataFrame:
    """Return [batch_id, batch, model, trajectories, tokens, cost_usd, unpriced, seconds] per batch and model.

    tokens and cost_usd sum what is known and are None when nothing is; `unpriced` counts trajectories
    whose cost is not known.
    """
    b = tables.batch.c
    query = (
        select(
            _t.batch_id,
            b.name,
            _t.model,
            func.count(),
            func.sum(_t.tokens),
            func.sum(_t.cost_usd),
            func.count() - func.count(_t.cost_usd),
            func.sum(_t.seconds),
        )
        .join_from(tables.trajectory, tables.batch, b.id == _t.batch_id)
        .where(*filters.where(db.dialect, filter))
        .group_by(_t.batch_id, b.name, _t.model)
        .order_by(_t.batch_id.desc(), _t.model)
    )
    names = ["batch_id", "batch", "model", "trajectories", "tokens", "cost_usd", "unpriced", "seconds"]
    return _frame(db, query, names)


def overview(db: Database) -> Overview:
    """Return the counts that the overview page shows."""
    b = tables.batch.c
    batches = select(
        func.count(),
        *(_number_of(b.status == s) for s in ("queued", "running", "paused")),
        *(_over_rollouts(name) for name in _SUMMED),
    )
    with db.read() as session:
        total, queued, running, paused, *rest = tuple(session.execute(batches).one())
        there = {
            name: int(session.execute(select(func.count()).select_from(table).where(*where)).scalar_one())
            for name, table, where in (
                ("domains", tables.domain, (tables.domain.c.deleted.is_(False),)),
                ("personas", tables.persona, (tables.persona.c.deleted.is_(False),)),
                ("reviewed", tables.trajectory, (filters.with_standing(REVIEWED),)),
                ("exports", tables.export, ()),
            )
        }
    sums = {name: int(n) for name, n in zip(_SUMMED, rest, strict=True) if name != "cost_usd"}
    return Overview(
        batches=int(total),
        queued=int(queued),
        running=int(running),
        paused=int(paused),
        trajectories=sums["kept"] + sums["rejected"] + sums["failed"] + sums["unmeasured"],
        cost_usd=float(rest[_SUMMED.index("cost_usd")]),
        **sums,
        **there,
    )


def freshness(db: Database) -> tuple[int, ...]:
    """Return numbers to compare: at least one differs after any change of trajectories, of the scores that
    count, of reviews or exports.

    Ids are never given out twice, and each change of a review adds an event, as does an undo.
    """
    e, j = tables.export.c, tables.judgement.c
    last = (
        select(func.max(_t.id)),
        select(func.max(tables.review_event.c.id)),
        select(func.count(e.finished_at)),
        select(func.max(e.id)).where(e.finished_at.is_not(None)),
        select(func.count(j.used_at)),
        select(func.max(j.used_at) * 1000),
    )
    with db.read() as session:
        return tuple(int(session.execute(query).scalar() or 0) for query in last)


_SUMMED = ("kept", "rejected", "failed", "unmeasured", "tokens", "cost_usd", "priced_calls", "unpriced_calls")


def _over_rollouts(name: str) -> ColumnElement[Any]:
    """Return the sum of a counter over all batches; what was only judged again is counted as spent, not once more."""
    b = tables.batch.c
    counts = name in ("kept", "rejected", "failed", "unmeasured")
    summed = case((b.rejudges, 0), else_=b[name]) if counts else b[name]
    return func.coalesce(func.sum(summed), 0)


def _number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _frame(db: Database, query: Select[Any], names: list[str]) -> pd.DataFrame:
    with db.read() as session:
        rows = [tuple(_plain(v) for v in row) for row in session.execute(query)]
    return pd.DataFrame(rows, columns=names)


def _plain(value: Any) -> Any:
    """Return a Decimal as int or float: PostgreSQL sums integers to Decimal."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
