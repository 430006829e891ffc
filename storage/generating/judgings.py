"""Batches that judge stored trajectories again: make one, list where it found otherwise, and choose whose scores count.

What such a batch finds stands in the table `judgement` beside the trajectories and changes none of them, until a user
has its scores count (`use`). `undo` gives the trajectories back what they had. Both go on in chunks, each a transaction
in which trajectories and counters change together; repeated after a crash, they do the rest.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, literal, null, select, update
from sqlalchemy.orm import Session

from engine.errors import InputError
from engine.judging.again import judged_kinds, that_can_be_judged
from engine.judging.agreement import Agreement, agreements
from engine.types import Batch, DomainShare, Judgement, Status, Trajectory, TrajectoryFilter
from storage import facets, filters, tables
from storage.database import Database
from storage.generating.batches import no_batch
from storage.generating.endpoints import checked
from storage.intake import rows as intake
from storage.tables import BatchRecord

_CHUNK = 200
_t, _j = tables.trajectory.c, tables.judgement.c
_MOST = 1_000_000


@dataclass(frozen=True)
class Flip:
    """A trajectory that counts otherwise by the judging of a batch than it did when that was made. `reward` is the new
    one, `used` whether the new scores count."""

    trajectory: int
    before: Status
    after: Status
    reward: float | None
    title: str
    used: bool


@dataclass(frozen=True)
class Standing:
    """Of a batch that judges again, how many trajectories it has judged, how many of its results count now, and how
    many count otherwise than before by them: {(before, after): number}."""

    judged: int
    used: int
    flips: dict[tuple[str, str], int]


def create_judging(db: Database, batch: Batch, now: float | None = None) -> int:
    """Queue a batch that judges the trajectories of its filter `rejudge` again and return its id. Which these are is
    fixed now. Raises InputError when there are none."""
    assert batch.rejudge is not None
    for role, endpoint in batch.models.items():
        checked(endpoint, f"models.{role}")
    for number, endpoint in enumerate(batch.panel, 1):
        checked(endpoint, f"panel.{number}")
    conditions = _judgeable(db, batch.rejudge)
    with db.write() as session:
        found = session.execute(select(_t.domain, func.count()).where(*conditions).group_by(_t.domain)).all()
        total = sum(int(row[1]) for row in found)
        if not total:
            raise InputError("filter", "no trajectory that a judge can be asked about meets it.", "Choose other ones.")
        shares = tuple(DomainShare(id=str(id), weight=int(number)) for id, number in found)
        stored = batch.pinned().model_copy(update={"domains": shares, "trajectories": min(total, _MOST)})
        record = BatchRecord(
            name=stored.name,
            body=stored.model_dump_json(),
            personas="[]",
            status="queued",
            rejudges=True,
            planned=total,
            created_at=time.time() if now is None else now,
        )
        session.add(record)
        session.flush()
        assert record.id is not None
        chosen = select(literal(record.id), _t.id, _t.status).where(*conditions)
        session.execute(insert(tables.judgement).from_select(["batch_id", "trajectory_id", "before"], chosen))
        return record.id


def count_judgeable(db: Database, chosen: TrajectoryFilter) -> int:
    """Return how many trajectories of a filter can be judged again."""
    with db.read() as session:
        counted = select(func.count()).select_from(tables.trajectory).where(*_judgeable(db, chosen))
        return int(session.execute(counted).scalar_one())


def _judgeable(db: Database, chosen: TrajectoryFilter) -> list[ColumnElement[bool]]:
    return [*filters.where(db.dialect, that_can_be_judged(chosen)), _t.status != "failed", _t.turns > 0]


def standing(db: Database, id: int) -> Standing:
    """Return what a batch found so far."""
    mine = _j.batch_id == id
    with db.read() as session:
        counted = select(func.count(_j.status), func.count(_j.used_at)).where(mine)
        judged, used = session.execute(counted).one()
        query = select(_j.before, _j.status, func.count()).where(mine, _flipped()).group_by(_j.before, _j.status)
        flips = {(str(before), str(after)): int(n) for before, after, n in session.execute(query)}
    return Standing(int(judged), int(used), dict(sorted(flips.items())))


def flips(db: Database, id: int, limit: int = 200, offset: int = 0) -> list[Flip]:
    """Return the trajectories that count otherwise by a batch's judging, by number."""
    query = (
        select(_j.trajectory_id, _j.before, _j.status, _j.reward, _t.title, _j.used_at)
        .join(tables.trajectory, _t.id == _j.trajectory_id)
        .where(_j.batch_id == id, _flipped())
        .order_by(_j.trajectory_id)
    )
    with db.read() as session:
        found = session.execute(query.limit(limit).offset(offset)).all()
    return [Flip(r.trajectory_id, r.before, r.status, r.reward, r.title, r.used_at is not None) for r in found]


def _flipped() -> ColumnElement[bool]:
    return and_(_j.status.is_not(None), _j.status != _j.before)


def judgements(db: Database, trajectory: int) -> list[tuple[int, str, Judgement, bool]]:
    """Return (batch, its name, what it found, whether its scores count) for each time that a trajectory was judged
    again, the newest first."""
    b = tables.batch.c
    query = (
        select(b.id, b.name, _j.body, _j.used_at)
        .join(tables.batch, b.id == _j.batch_id)
        .where(_j.trajectory_id == trajectory, _j.body.is_not(None))
        .order_by(b.id.desc())
    )
    with db.read() as session:
        found = session.execute(query).all()
    return [(r.id, r.name, Judgement.model_validate_json(r.body), r.used_at is not None) for r in found]


def panel_agreement(db: Database, id: int, most: int = 2_000) -> dict[str, Agreement]:
    """Return how far the votes of a panel agreed in a batch, by criterion, the lowest first; from its first `most`
    trajectories. Empty where no panel voted."""
    rolled = select(tables.body.c.body).join(tables.trajectory, _t.id == tables.body.c.trajectory_id)
    rolled = rolled.where(_t.batch_id == id).order_by(_t.id)
    again = select(_j.body).where(_j.batch_id == id, _j.body.is_not(None)).order_by(_j.trajectory_id)
    with db.read() as session:
        judges_again = session.execute(select(tables.batch.c.rejudges).where(tables.batch.c.id == id)).scalar()
        bodies = session.execute((again if judges_again else rolled).limit(most)).scalars()
        kind: type[Judgement | Trajectory] = Judgement if judges_again else Trajectory
        return agreements(kind.model_validate_json(body).scores for body in bodies)


def scores_since(db: Database, trajectory: int) -> float:
    """Return since when a trajectory has its present scores, in epoch seconds; 0 where they are those of its batch."""
    with db.read() as session:
        return float(session.execute(select(func.max(_j.used_at)).where(_j.trajectory_id == trajectory)).scalar() or 0)


# ---------------------------------------------------------------- whose scores count


def use(db: Database, id: int) -> int:
    """Let the scores that a batch found count: its trajectories get them, with the status that follows, and keep what
    they had for `undo`. Return how many changed. Raises InputError when there is nothing to do."""
    changed, left = 0, _Left()
    for numbers in _chunks(db, id, _j.used_at.is_(None), _j.body.is_not(None)):
        with db.write() as session:
            changed += _exchange(session, id, numbers, left, taking=True)
    _forget(db, left)
    if not changed:
        raise InputError("batch", f"batch {id} has no result that does not count yet.", "Wait until it has judged.")
    return changed


def undo(db: Database, id: int) -> int:
    """Give the trajectories of a batch back what they had before its scores counted, and return how many changed.

    Raises InputError when none of its scores count, and when those of a later batch have taken their place.
    """
    later = tables.judgement.alias().c
    above = exists().where(later.trajectory_id == _j.trajectory_id, later.used_at > _j.used_at, later.batch_id != id)
    with db.read() as session:
        hidden = session.execute(select(func.count()).where(_j.batch_id == id, _j.used_at.is_not(None), above)).scalar()
    if hidden:
        message = f"{hidden} of the trajectories of batch {id} have been given the scores of a later one."
        raise InputError("batch", message, "Undo that one first.")
    changed, left = 0, _Left()
    for numbers in _chunks(db, id, _j.used_at.is_not(None)):
        with db.write() as session:
            changed += _exchange(session, id, numbers, left, taking=False)
    _forget(db, left)
    if not changed:
        raise InputError("batch", f"no score of batch {id} counts.", "There is nothing to undo.")
    return changed


def _chunks(db: Database, id: int, *conditions: ColumnElement[bool]) -> Iterator[Sequence[int]]:
    """Yield the trajectories of a batch that meet the conditions now, some at a time. Raises InputError without such a
    batch."""
    b = tables.batch.c
    with db.read() as session:
        if session.execute(select(b.rejudges).where(b.id == id)).scalar() is not True:
            raise no_batch(id) if _missing(session, id) else InputError("batch", f"batch {id} judged nothing again.")
        query = select(_j.trajectory_id).where(_j.batch_id == id, *conditions).order_by(_j.trajectory_id)
        found = session.execute(query).scalars().all()
    for start in range(0, len(found), _CHUNK):
        yield found[start : start + _CHUNK]


def _missing(session: Session, id: int) -> bool:
    return session.execute(select(tables.batch.c.id).where(tables.batch.c.id == id)).first() is None


_Left = partial(defaultdict[int, set[tuple[str, str]]], set)
"""The (field, value) that trajectories had before and have no longer, by their batch."""


def _forget(db: Database, left: Mapping[int, Set[tuple[str, str]]]) -> None:
    """Take values out of the lists of filters that no trajectory of these batches has any more. A batch that is at work
    is left out: what arrives meanwhile may have them again."""
    b = tables.batch.c
    for batch, values in left.items():
        with db.read() as session:
            gone = facets.unused(session, batch, sorted(values))
        if gone:
            with db.write() as session:
                status = session.execute(select(b.status).where(b.id == batch).with_for_update()).scalar()
                if status != "running":
                    facets.forget(session, batch, gone)


def _exchange(
    session: Session, id: int, numbers: Sequence[int], left: dict[int, set[tuple[str, str]]], *, taking: bool
) -> int:
    """Put a batch's results into these trajectories, or take them out again; return how many changed. Values that one
    has no longer are added to `left`."""
    open_now = _j.used_at.is_(None) if taking else _j.used_at.is_not(None)
    query = (
        select(_j.trajectory_id, _t.batch_id, _j.body.label("found"), _j.replaced, tables.body.c.body)
        .join(tables.trajectory, _t.id == _j.trajectory_id)
        .join(tables.body, tables.body.c.trajectory_id == _t.id)
        .where(_j.batch_id == id, _j.trajectory_id.in_(numbers), open_now)
        .order_by(_t.batch_id, _t.id)
        .with_for_update(of=tables.judgement)
    )
    kinds = judged_kinds()
    found = session.execute(query).all()
    for row in found:
        trajectory = Trajectory.model_validate_json(row.body)
        wanted = Judgement.model_validate_json(row.found if taking else row.replaced)
        left[row.batch_id] |= _write(
            session, row.batch_id, row.trajectory_id, trajectory, wanted.over(trajectory, kinds)
        )
        values: dict[str, Any] = {"used_at": None, "replaced": null()}
        if taking:
            values = {"used_at": time.time(), "replaced": intake.dump(Judgement.of(trajectory, kinds))}
        mine = (_j.batch_id == id, _j.trajectory_id == row.trajectory_id)
        session.execute(update(tables.judgement).where(*mine).values(**values))
    return len(found)


def _write(session: Session, batch_id: int, number: int, before: Trajectory, after: Trajectory) -> set[tuple[str, str]]:
    """Store a trajectory with other scores: its body, its row, its scores, the values to filter by, and the counters of
    its batch. Return the (field, value) that it has no longer."""
    rows, connection = intake.rows_of(number, batch_id, after, 0.0), session.connection()
    columns = ("status", "outcome", "culprit", "stage", "reason", "reward")
    changed = {name: rows.facts[name] for name in columns}
    session.execute(update(tables.trajectory).where(_t.id == number).values(**changed))
    b = tables.body.c
    session.execute(update(tables.body).where(b.trajectory_id == number).values(body=rows.body[1]))
    session.execute(delete(tables.score).where(tables.score.c.trajectory_id == number))
    if rows.scores:
        names = [column.name for column in tables.score.columns]
        session.execute(insert(tables.score), [dict(zip(names, one, strict=True)) for one in rows.scores])
    facets.add(connection, batch_id, [rows])
    counts = Counter({after.status: 1})
    counts.subtract({before.status: 1})
    source = tables.batch.c
    moved = {status: source[status] + by for status, by in counts.items() if by}
    if moved:
        session.execute(update(tables.batch).where(source.id == batch_id).values(**moved))
    old, new = facets.of([intake.rows_of(number, batch_id, before, 0.0)]), facets.of([rows])
    return {(field, value) for field, values in old.items() for value in values - new[field] if value}
