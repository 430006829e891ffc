"""Taking up again what a fault left behind: failed rollouts tried anew, a batch carried on in another sandbox."""

from __future__ import annotations

from sqlalchemy import ColumnElement, CursorResult, Select, Update, delete, func, select, update
from sqlalchemy.orm import Session

from engine import plugins
from engine.errors import InputError
from storage import facets, search, tables
from storage.batches import no_batch
from storage.database import Database

RETRIED = ("queued", "paused", "done", "failed")
"""Statuses in which no engine holds the batch and its user has not given it up."""


def retryable(db: Database, id: int) -> int:
    """Return how many failed rollouts of a batch `retry` would have tried again."""
    with db.read() as session:
        return int(session.execute(select(func.count()).select_from(_lost(id).subquery())).scalar_one())


def retry(db: Database, id: int) -> int:
    """Forget the rollouts that failed because of us or a model's server, queue the batch for them and for whatever
    else is missing, and return how many were forgotten.

    What was measured stays, and so does what a human has reviewed. Tokens, cost and time that the forgotten ones took
    stay counted, since they were spent. Raises InputError when the batch is in no state for it or nothing can be
    tried again.
    """
    with db.write() as session:
        _checked(session, id, "tried again")
        reasons = _values(session, id)
        search.forget(session.connection(), _lost(id))
        gone = session.execute(delete(tables.trajectory).where(tables.trajectory.c.id.in_(_lost(id))))
        assert isinstance(gone, CursorResult)
        if not gone.rowcount:
            raise InputError("batch", f"batch {id} has no failed rollout to try again.", "Create a new batch instead.")
        facets.prune(session.connection(), id, reasons)
        b = tables.batch.c
        session.execute(_queued(id).values(failed=b.failed - gone.rowcount))
        return int(gone.rowcount)


def resume_in(db: Database, id: int, sandbox: str) -> None:
    """Queue a batch to be carried on in another sandbox; what is finished stays as it was made.

    Raises InputError for an unknown sandbox, and when the batch is in no state for it.
    """
    if sandbox not in plugins.names("sandboxes"):
        known = ", ".join(plugins.names("sandboxes"))
        raise InputError("sandbox", f"there is no sandbox {sandbox!r}.", f"Choose one of {known}.")
    with db.write() as session:
        status = _checked(session, id, "carried on")
        if status == "done":
            raise InputError("batch", f"batch {id} is done.", "Create a new batch instead.")
        session.execute(_queued(id).values(sandbox=sandbox))


def _lost(id: int) -> Select[tuple[int]]:
    """Select what failed because of us or a model's server, and that nobody has reviewed."""
    t = tables.trajectory.c
    reviewed: ColumnElement[bool] = select(tables.review.c.id).where(tables.review.c.trajectory_id == t.id).exists()
    return select(t.id).where(t.batch_id == id, t.status == "failed", t.culprit == "infrastructure", ~reviewed)


def _values(session: Session, id: int) -> list[tuple[str, str, str]]:
    """Return the (field, column, value) that may be gone from the batch's facets afterwards."""
    t = tables.trajectory.c
    found = session.execute(select(t.reason).where(t.id.in_(_lost(id))).distinct()).scalars()
    values = [("reasons", "reason", str(reason)) for reason in found if reason]
    return [*values, ("statuses", "status", "failed"), ("culprits", "culprit", "infrastructure")]


def _checked(session: Session, id: int, what: str) -> str:
    """Lock the batch and return its status. Raises InputError when an engine may hold it, or it cannot go on."""
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


def _queued(id: int) -> Update:
    return (
        update(tables.batch)
        .where(tables.batch.c.id == id)
        .values(status="queued", reason="", command=None, finished_at=None)
    )
