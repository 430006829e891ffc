"""Trajectories: pages of a filtered list, one with its neighbours, and a stream for exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, Row, Text, cast, func, literal, select, tuple_, type_coerce
from sqlalchemy.orm import Session

from engine.errors import InputError
from engine.reviewing.verdicts import EFFECTS, UNREVIEWED
from engine.types import (
    Culprit,
    Mode,
    Outcome,
    Review,
    Stage,
    Standing,
    Status,
    Subset,
    Trajectory,
    TrajectoryFilter,
)
from storage import filters, tables
from storage.columns import named_subsets
from storage.database import Database
from storage.facets import values as found_facets
from storage.reviewing.reviews import review_of

_t = tables.trajectory.c
_place = tuple_(_t.batch_id, _t.number, _t.id)
_Place = Sequence[int]
COLUMNS: tuple[Column[Any], ...] = tuple(c for c in _t if c.name not in ("rollout_id", "seconds"))


@dataclass(frozen=True)
class TrajectoryRow:
    """What a list shows of a trajectory. `standing` and `rating` come from reviews and overrule the judges; tokens,
    cost and reward are None where they are not known."""

    id: int
    batch_id: int
    index: int
    domain: str
    template: str | None
    mode: Mode | None
    persona: str
    teacher: str
    model: str
    status: Status
    outcome: Outcome
    culprit: Culprit | None
    stage: Stage | None
    reason: str | None
    reward: float | None
    turns: int
    tool_calls: int
    tokens: int | None
    cost_usd: float | None
    title: str
    standing: Standing
    rating: float | None
    created_at: float
    exported: bool
    subsets: tuple[Subset, ...]


@dataclass(frozen=True)
class Neighbours:
    """Where a trajectory stands in a filtered list. `position` counts from 1 and is 0 when it is not in it."""

    previous: int | None
    next: int | None
    position: int
    total: int


def row_of(row: Row[Any]) -> TrajectoryRow:
    """Return the TrajectoryRow of a database row over COLUMNS."""
    values = dict(row._mapping)
    values["index"], values["standing"] = values.pop("number"), values.pop("verdict") or "none"
    return TrajectoryRow(**values | {"subsets": named_subsets(values["subsets"])})


def page(
    db: Database, filter: TrajectoryFilter, *, sort: str = "newest", limit: int = 50, offset: int = 0
) -> tuple[list[TrajectoryRow], int]:
    """Return (one page of the filtered list, how many there are in all). `sort` is a name in filters.SORTS."""
    conditions = filters.where(db.dialect, filter)
    order = filters.order_by(filters.sort_named(sort))
    with db.read() as session:
        total = _count(session, conditions)
        if total == 0 or offset >= total:
            return [], total
        chosen = select(_t.id).where(*conditions).order_by(*order).limit(limit).offset(max(0, offset)).subquery()
        rows = session.execute(select(*COLUMNS).where(_t.id.in_(select(chosen.c.id))).order_by(*order))
        return [row_of(row) for row in rows], total


def count(db: Database, filter: TrajectoryFilter) -> int:
    """Return how many trajectories meet the filter."""
    with db.read() as session:
        return _count(session, filters.where(db.dialect, filter))


def _count(session: Session, conditions: Sequence[Any]) -> int:
    return int(session.execute(select(func.count()).select_from(tables.trajectory).where(*conditions)).scalar_one())


def get(db: Database, id: int) -> Trajectory | None:
    """Return a whole trajectory, or None when there is none."""
    with db.read() as session:
        found = session.execute(select(tables.body.c.body).where(tables.body.c.trajectory_id == id)).scalar()
    return None if found is None else Trajectory.model_validate_json(found)


def row(db: Database, id: int) -> TrajectoryRow:
    """Return the list row of a trajectory. Raises InputError when there is none."""
    with db.read() as session:
        found = session.execute(select(*COLUMNS).where(_t.id == id)).first()
    if found is None:
        raise InputError("trajectory", f"there is no trajectory {id}.", "It may have been deleted; look at the queue.")
    return row_of(found)


def neighbours(db: Database, filter: TrajectoryFilter, id: int, *, sort: str = "newest") -> Neighbours:
    """Return the trajectories before and after one in the filtered list, and its position."""
    order = filters.sort_named(sort)
    conditions = filters.where(db.dialect, filter)
    with db.read() as session:
        total = _count(session, conditions)
        anchor = session.execute(select(order.column.label("value")).where(_t.id == id)).first()
        if anchor is None:
            return Neighbours(None, None, 0, total)
        ahead = filters.after(order, anchor.value, id, strictly_before=True)
        before = _first(session, [*conditions, ahead], filters.order_by(order, reverse=True))
        behind = _first(session, [*conditions, filters.after(order, anchor.value, id)], filters.order_by(order))
        inside = _count(session, [*conditions, _t.id == id])
        position = _count(session, [*conditions, ahead]) + 1 if inside else 0
    return Neighbours(before, behind, position, total)


def _first(session: Session, conditions: Sequence[Any], order: Sequence[Any]) -> int | None:
    return session.execute(select(_t.id).where(*conditions).order_by(*order).limit(1)).scalar()


def next_unreviewed(
    db: Database, filter: TrajectoryFilter, after_id: int | None = None, *, sort: str = "newest"
) -> int | None:
    """Return the next trajectory of the filtered list that is not reviewed, starting over at its end; None without
    any."""
    order = filters.sort_named(sort)
    conditions = [*filters.where(db.dialect, filter), filters.with_standing(UNREVIEWED)]
    terms = filters.order_by(order)
    with db.read() as session:
        anchor = session.execute(select(order.column.label("value")).where(_t.id == after_id)).first()
        if anchor is not None and after_id is not None:
            found = _first(session, [*conditions, filters.after(order, anchor.value, after_id)], terms)
            if found is not None:
                return found
            conditions.append(_t.id != after_id)
        return _first(session, conditions, terms)


def stream(db: Database, filter: TrajectoryFilter, *, chunk: int = 500) -> Iterator[tuple[int, bytes, list[Review]]]:
    """Yield (id, body, reviews) ordered by batch and index; memory holds one chunk at a time.

    A body is the stored JSON of a Trajectory, UTF-8 and not parsed. Reviews come by turn, the oldest of each first.
    """
    conditions = filters.where(db.dialect, filter)
    b = tables.body.c
    # SQLite gives bytes for a blob, which are yielded as they are; as text they would be decoded and encoded again
    body = type_coerce(cast(b.body, LargeBinary), Text) if db.dialect == "sqlite" else b.body
    last: _Place | None = None
    while True:
        query = (
            select(_t.batch_id, _t.number, _t.id, body)
            .join(tables.body, b.trajectory_id == _t.id)
            .where(*conditions)
            .order_by(_t.batch_id, _t.number, _t.id)
            .limit(chunk)
        )
        if last is not None:
            query = query.where(_place > _as_tuple(last))
        with db.read() as session:
            rows = session.execute(query).all()
            reviews = _reviews(session, rows[0][:3], rows[-1][:3]) if rows else {}
        for _, _, id, found in rows:
            yield id, found if isinstance(found, bytes) else found.encode(), reviews.get(id, [])
        if len(rows) < chunk:
            return
        last = rows[-1][:3]


def _reviews(session: Session, first: _Place, last: _Place) -> dict[int, list[Review]]:
    """Return {trajectory: reviews} from one (batch, number, id) to another."""
    r = tables.review.c
    query = (
        select(r.trajectory_id, r.body)
        .join(tables.trajectory, _t.id == r.trajectory_id)
        .where(_place.between(_as_tuple(first), _as_tuple(last)))
        .order_by(r.trajectory_id, r.turn, r.updated_at, r.id)
    )
    found: dict[int, list[Review]] = {}
    for number, body in session.execute(query):
        found.setdefault(number, []).append(review_of(body))
    return found


def _as_tuple(place: _Place) -> Any:
    return tuple_(*map(literal, place))


def facets(db: Database) -> dict[str, list[str]]:
    """Return the distinct values of each field of TrajectoryFilter that chooses among values, by field name,
    and of `templates` and `scores`."""
    with db.read() as session:
        return found_facets(session) | {"verdicts": list(EFFECTS)}
