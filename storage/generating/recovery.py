"""After a fault: try failed rollouts again, or go on with a batch in another sandbox."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import ColumnElement, CursorResult, Update, delete, func, select, update
from sqlalchemy.orm import Session

from engine import plugins
from engine.errors import InputError
from storage import facets, search, tables
from storage.database import Database
from storage.generating.batches import no_batch

RETRIED = ("queued", "paused", "done", "failed")
"""Statuses in which no engine holds the batch and its user has not given it up."""
_CHUNK = 500
_GAP = 0.03
"""Seconds between two chunks. A writer that waits for SQLite polls its lock every 25 ms or sooner, so this lets it
in."""
_FORGETTING = "Its failed rollouts are being forgotten, so that they are tried again. Resume it should this not end."


def retryable(db: Database, id: int) -> int:
    """Return how many failed rollouts of a batch `retry` would delete and queue again."""
    with db.read() as session:
        counted = select(func.count()).select_from(tables.trajectory).where(*_retried(id))
        return int(session.execute(counted).scalar_one())


def retry(db: Database, id: int) -> int:
    """Delete the rollouts that infrastructure failed, queue the batch for them and whatever else is missing, and return
    how many were deleted.

    What was measured or reviewed stays. Tokens, cost and time of the deleted ones stay counted, since they were spent.
    They are deleted in chunks, so that no other writer waits long; after each the counts are right. Meanwhile the batch
    is paused, so if this process dies, resuming the batch does what is missing. Raises InputError when the status does
    not allow it or nothing can be tried again.
    """
    with db.read() as session:
        _lock(session, id, "tried again")
    lost = _reasons_by_id(db, id)
    numbers, forgotten = list(lost), 0
    for start in range(0, len(numbers), _CHUNK):
        time.sleep(_GAP if start else 0)
        with db.write() as session:
            _lock(session, id, "tried again")
            forgotten += _forget(session, id, numbers[start : start + _CHUNK])
    if not forgotten:
        raise InputError("batch", f"batch {id} has no failed rollout to try again.", "Create a new batch instead.")
    values = [("reasons", reason) for reason in set(lost.values()) if reason]
    with db.read() as session:  # nobody adds to the batch while it is paused
        gone = facets.unused(session, id, [*values, ("statuses", "failed"), ("culprits", "infrastructure")])
    with db.write() as session:
        _lock(session, id, "tried again")
        facets.forget(session, id, gone)
        session.execute(_queue_again(id))
    return forgotten


def resume_in(db: Database, id: int, sandbox: str) -> None:
    """Queue a batch to go on in another sandbox; finished trajectories stay.

    Raises InputError for an unknown sandbox, and when the status does not allow it.
    """
    if sandbox not in plugins.names("sandboxes"):
        known = ", ".join(plugins.names("sandboxes"))
        raise InputError("sandbox", f"there is no sandbox {sandbox!r}.", f"Choose one of {known}.")
    with db.write() as session:
        status = _lock(session, id, "carried on")
        if status == "done":
            raise InputError("batch", f"batch {id} is done.", "Create a new batch instead.")
        session.execute(_queue_again(id).values(sandbox=sandbox))


def _reasons_by_id(db: Database, id: int) -> dict[int, str | None]:
    """Return the rollouts that `retry` deletes: {trajectory id: reason}."""
    t = tables.trajectory.c
    with db.read() as session:
        return {row.id: row.reason for row in session.execute(select(t.id, t.reason).where(*_retried(id)))}


def _retried(id: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for what infrastructure failed in a batch and nobody has reviewed."""
    t = tables.trajectory.c
    reviewed: ColumnElement[bool] = select(tables.review.c.id).where(tables.review.c.trajectory_id == t.id).exists()
    return t.batch_id == id, t.status == "failed", t.culprit == "infrastructure", ~reviewed


def _forget(session: Session, id: int, numbers: Sequence[int]) -> int:
    """Delete those of the trajectories that still meet the conditions, uncount them and pause the batch. Return how
    many."""
    t, b = tables.trajectory.c, tables.batch.c
    chosen = select(t.id).where(t.id.in_(numbers), *_retried(id)).with_for_update()
    found = session.execute(chosen).scalars().all()
    search.forget(session.connection(), found)
    gone = session.execute(delete(tables.trajectory).where(t.id.in_(found), *_retried(id)))
    assert isinstance(gone, CursorResult)
    if gone.rowcount:
        change = update(tables.batch).where(b.id == id).values(failed=b.failed - gone.rowcount)
        session.execute(change.values(status="paused", reason=_FORGETTING, command=None, finished_at=None))
    return int(gone.rowcount)


def _lock(session: Session, id: int, what: str) -> str:
    """Lock the batch and return its status. Raises InputError when an engine may hold it, or it was cancelled."""
    b = tables.batch.c
    row = session.execute(select(b.status, b.imported).where(b.id == id).with_for_update()).first()
    if row is None:
        raise no_batch(id)
    if row.imported:
        raise InputError("batch", f"batch {id} was imported, so nothing of it can be {what}.", "Import it anew.")
    if row.status not in RETRIED:
        move = "Create a new batch instead." if row.status == "cancelled" else "Pause it first."
        raise InputError("batch", f"batch {id} is {row.status}, so it cannot be {what}.", move)
    return str(row.status)


def _queue_again(id: int) -> Update:
    """Return the UPDATE that queues a batch."""
    return (
        update(tables.batch)
        .where(tables.batch.c.id == id)
        .values(status="queued", reason="", command=None, finished_at=None)
    )
