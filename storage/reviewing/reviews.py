"""Human verdicts: the latest per (trajectory, turn, reviewer), with an audit trail that only grows.

Every change adds an event with the review before and after it; events of one change (a verdict for many) share their
time. Undo reverses the reviewer's last change that is not undone, on whatever trajectory, by adding events. The
standing that reviews give a trajectory (engine/reviewing/verdicts.py) is written onto its row in the same transaction.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from engine.errors import Conflict, InputError
from engine.reviewing.verdicts import REVIEWED, standing
from engine.types import Review, Standing, TrajectoryFilter, Verdict
from storage import filters, search, tables
from storage.database import Database
from storage.intake.rows import dump
from storage.tables import WHOLE, ReviewEventRecord, ReviewRecord, ReviewTagRecord


@dataclass(frozen=True)
class ReviewKey:
    """One reviewer's review of one turn, or of the whole trajectory with turn None. There is at most one of each
    key."""

    trajectory: int
    turn: int | None
    reviewer: str

    @property
    def columns(self) -> dict[str, Any]:
        """The key as columns of the tables of reviews and of their events."""
        turn = WHOLE if self.turn is None else self.turn
        return {"trajectory_id": self.trajectory, "turn": turn, "reviewer": self.reviewer}


@dataclass(frozen=True)
class ReviewEvent:
    """One change of a review; `before` None means that there was none, `after` None that it was removed.
    `undoes` is the id of the event that this one reversed."""

    id: int
    trajectory_id: int
    turn: int | None
    reviewer: str
    before: Review | None
    after: Review | None
    undoes: int | None
    created_at: float


def review_of(body: str) -> Review:
    """Return the review that a stored JSON body holds."""
    return Review.model_validate_json(body)


def save_review(db: Database, review: Review) -> None:
    """Store a review in place of the reviewer's earlier one of that turn. Raises InputError when there is no such
    trajectory."""
    with db.write() as session:
        _lock_trajectory(session, review.trajectory)
        _save(session, review)
        _write_standing(session, review.trajectory)


def change_review(
    db: Database,
    key: ReviewKey,
    changes: Mapping[str, Any],
    *,
    seen: Mapping[str, Any] | None = None,
    written: Mapping[str, Any] | None = None,
    tags: Mapping[str, bool] | None = None,
) -> Review:
    """Change some fields of one review in one transaction; the other fields stay. Return the new review.

    `seen` has the values that the reviewer saw, `written` those that the same tab wrote, which count as seen. `tags`
    adds problem tags (True) or removes them; other tags stay. Writes nothing when nothing changes. Raises Conflict, and
    changes nothing, when a stored field is neither as seen nor as written nor already as wanted; InputError when there
    is no such trajectory.
    """
    with db.write() as session:
        _lock_trajectory(session, key.trajectory)
        old = _current(session, key)
        for name, value in (seen or {}).items():
            expected = [
                value,
                *([written[name]] if written and name in written else []),
                *([changes[name]] if name in changes else []),
            ]
            if getattr(old, name) not in expected:
                where = "the trajectory" if key.turn is None else f"turn {key.turn}"
                raise Conflict(f"The {name} of {where} was changed elsewhere in the meantime.")
        wanted = {**old.model_dump(), **changes}
        for tag, on in (tags or {}).items():
            others = tuple(one for one in wanted["tags"] if one != tag)
            wanted["tags"] = (wanted["tags"] if tag in wanted["tags"] else (*others, tag)) if on else others
        review = Review.model_validate(wanted)
        if review != old:
            _save(session, review)
            _write_standing(session, key.trajectory)
        return review


def decide_many(
    db: Database,
    trajectories: Iterable[int],
    reviewer: str,
    verdict: Verdict,
    *,
    seen: Mapping[int, Standing] | None = None,
) -> list[int]:
    """Give one verdict to several trajectories, as one change; notes, ratings and tags stay.

    `seen` has the standing of each trajectory that the reviewer saw. Return those that were skipped, because their
    standing is neither the one seen nor the one that the verdict gives. All others or none are changed: raises
    InputError when one does not exist.
    """
    now, skipped = time.time(), []
    wanted = standing([Review(trajectory=0, verdict=verdict)])
    with db.write() as session:
        for number in sorted(set(trajectories)):
            _lock_trajectory(session, number)
            stored = _stored_standings(session, [number])[number]
            if seen is not None and stored not in (seen.get(number, stored), wanted):
                skipped.append(number)
                continue
            old = _current(session, ReviewKey(number, None, reviewer))
            _save(session, old.model_copy(update={"verdict": verdict}), now)
            _write_standing(session, number)
    return skipped


def save_ratings(
    db: Database,
    trajectory_id: int,
    reviewer: str,
    ratings: Mapping[int, int | None],
    *,
    expected: Mapping[int, Collection[int | None]] | None = None,
) -> dict[int, Review]:
    """Store {turn: rating} in one transaction; the rest of each review stays. None removes a rating.

    Return {turn: review as it is now}. Where its rating is not the wanted one it was not changed, because the stored
    rating was none of those `expected` for its turn.
    """
    found: dict[int, Review] = {}
    with db.write() as session:
        _lock_trajectory(session, trajectory_id)
        for turn, rating in sorted(ratings.items()):
            found[turn] = old = _current(session, ReviewKey(trajectory_id, turn, reviewer))
            if expected is None or turn not in expected or old.rating in expected[turn]:
                found[turn] = Review.model_validate(old.model_dump() | {"rating": rating})
                _save(session, found[turn])
        _write_standing(session, trajectory_id)
    return found


def reviews_of(db: Database, trajectory_id: int) -> list[Review]:
    """Return the reviews of a trajectory: of the whole first, then by turn; of each the oldest first."""
    r = tables.review.c
    query = select(r.body).where(r.trajectory_id == trajectory_id).order_by(r.turn, r.updated_at, r.id)
    with db.read() as session:
        return [review_of(body) for body in session.execute(query).scalars()]


def standings(db: Database, trajectories: Iterable[int]) -> dict[int, Standing]:
    """Return {trajectory: standing}, without those that do not exist."""
    with db.read() as session:
        return _stored_standings(session, trajectories)


def undo(db: Database, reviewer: str) -> tuple[ReviewEvent, ...]:
    """Undo the reviewer's last change that is not undone, on whatever trajectory; a verdict for many is one change.

    Returns the events that were undone, none when there was nothing. Raises Conflict when another change came between.
    """
    with db.write() as session:
        last = _last_change(session, reviewer)
        for number in sorted({event.trajectory_id for event in last}):
            _lock_trajectory(session, number)
        if [event.id for event in _last_change(session, reviewer)] != [event.id for event in last]:
            raise Conflict("Another change came in at this moment. Undo again.")
        found = tuple(_event(event) for event in last)
        now = time.time()
        for event in last:
            before = review_of(event.before) if event.before else None
            _put(session, ReviewKey(event.trajectory_id, _turn(event), reviewer), before, undoes=event.id, now=now)
            _write_standing(session, event.trajectory_id)
        return found


def _last_change(session: Session, reviewer: str) -> Sequence[ReviewEventRecord]:
    """Return the events of the reviewer's last change that is not undone."""
    e = tables.review_event.c
    undone = select(e.undoes).where(e.reviewer == reviewer, e.undoes.is_not(None))
    open_changes = (
        select(ReviewEventRecord)
        .where(e.reviewer == reviewer, e.undoes.is_(None), e.id.not_in(undone))
        .order_by(e.id.desc())
    )
    last = session.execute(open_changes.limit(1)).scalar_one_or_none()
    if last is None:
        return ()
    together = open_changes.where(e.created_at == last.created_at)
    return list(reversed(session.scalars(together).all()))


def history(db: Database, trajectory_id: int) -> list[ReviewEvent]:
    """Return all changes of a trajectory's reviews, oldest first."""
    e = tables.review_event.c
    query = select(ReviewEventRecord).where(e.trajectory_id == trajectory_id).order_by(e.id)
    with db.read() as session:
        return [_event(record) for record in session.scalars(query)]


def tags_in_use(db: Database) -> list[str]:
    """Return the problem tags that reviews carry, most used first."""
    tag = tables.review_tag.c.tag
    query = select(tag).group_by(tag).order_by(func.count().desc(), tag)
    with db.read() as session:
        return [str(name) for name in session.execute(query).scalars()]


def review_progress(db: Database, filter: TrajectoryFilter) -> tuple[int, int]:
    """Return (how many of the filtered trajectories are reviewed, how many there are)."""
    done = func.coalesce(func.sum(case((filters.with_standing(REVIEWED), 1), else_=0)), 0)
    query = select(done, func.count()).select_from(tables.trajectory)
    with db.read() as session:
        reviewed, total = session.execute(query.where(*filters.where(db.dialect, filter))).one()
    return int(reviewed), int(total)


def _lock_trajectory(session: Session, trajectory_id: int) -> None:
    t = tables.trajectory.c
    if session.execute(select(t.id).where(t.id == trajectory_id).with_for_update()).first() is None:
        raise InputError("trajectory", f"there is no trajectory {trajectory_id}.", "It may have been deleted.")


def _find(session: Session, key: ReviewKey) -> ReviewRecord | None:
    return session.execute(select(ReviewRecord).filter_by(**key.columns)).scalar_one_or_none()


def _current(session: Session, key: ReviewKey) -> Review:
    """Return the review as it is stored, or an empty one."""
    record = _find(session, key)
    return review_of(record.body) if record else Review(**asdict(key))


def _save(session: Session, review: Review, now: float | None = None) -> None:
    _put(session, ReviewKey(review.trajectory, review.turn, review.reviewer), review, now=now)


def _put(
    session: Session, key: ReviewKey, review: Review | None, undoes: int | None = None, now: float | None = None
) -> None:
    """Make `review` the current one (None: remove it) and add the event."""
    now = time.time() if now is None else now
    record = _find(session, key)
    before = record.body if record else None
    after = dump(review) if review else None
    if before == after and undoes is None:
        return
    session.add(ReviewEventRecord(**key.columns, before=before, after=after, undoes=undoes, created_at=now))
    if review is None or after is None:
        if record:
            session.delete(record)
        session.flush()
        return
    record = record or ReviewRecord(**key.columns, body=after, updated_at=now)
    record.verdict, record.rating, record.body, record.updated_at = review.verdict, review.rating, after, now
    session.add(record)
    session.flush()
    assert record.id is not None
    session.execute(delete(tables.review_tag).where(tables.review_tag.c.review_id == record.id))
    tags = dict.fromkeys(search.plain(tag) for tag in review.tags)
    session.add_all(ReviewTagRecord(review_id=record.id, tag=tag) for tag in tags)
    session.flush()


def _stored_standings(session: Session, trajectories: Iterable[int]) -> dict[int, Standing]:
    t = tables.trajectory.c
    found = session.execute(select(t.id, t.verdict).where(t.id.in_(list(trajectories))))
    return {int(row.id): row.verdict or "none" for row in found}


def _write_standing(session: Session, trajectory_id: int) -> None:
    """Write standing and rating onto the trajectory's row."""
    r, t = tables.review.c, tables.trajectory.c
    query = select(r.turn, r.verdict, r.rating, r.body).where(r.trajectory_id == trajectory_id)
    rows = session.execute(query.order_by(r.updated_at, r.id)).all()
    found = standing([review_of(row.body) for row in rows if row.verdict])
    whole = [row.rating for row in rows if row.turn == WHOLE and row.rating is not None]
    turns = [row.rating for row in rows if row.turn != WHOLE and row.rating is not None]
    rating = whole[-1] if whole else (sum(turns) / len(turns) if turns else None)
    values = {"verdict": None if found == "none" else found, "rating": rating}
    session.execute(update(tables.trajectory).where(t.id == trajectory_id).values(**values))


def _turn(e: ReviewEventRecord) -> int | None:
    return None if e.turn == WHOLE else e.turn


def _event(e: ReviewEventRecord) -> ReviewEvent:
    assert e.id is not None
    return ReviewEvent(
        e.id,
        e.trajectory_id,
        _turn(e),
        e.reviewer,
        review_of(e.before) if e.before else None,
        review_of(e.after) if e.after else None,
        e.undoes,
        e.created_at,
    )
