"""Batches as the pages see them: create, list, command, delete. The engine's side is in storage/serving/store.py."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import Row, and_, case, delete, func, or_, select
from sqlalchemy.orm import Session

from engine.errors import InputError, InputErrors
from engine.planning.quotas import unknown_plan
from engine.times import ABANDONED
from engine.types import SMALL_BATCH, Batch, BatchStatus, DomainShare, Persona, Progress
from storage import search, tables
from storage.columns import unfinished
from storage.database import Database
from storage.designing.personas import list_personas
from storage.generating.endpoints import checked
from storage.reviewing.trajectories import COLUMNS, TrajectoryRow, row_of
from storage.serving.store import cost_of, progress_of
from storage.tables import BatchRecord, DomainRecord, PackRecord

_PERSONAS = TypeAdapter(tuple[Persona, ...])
COUNTS = ("planned", "kept", "rejected", "failed", "unmeasured", "running")
"""Columns of the table of batches, in the order in which `progress_of` takes them."""
_BY_HAND = ("Paused by ", "Cancelled by ")
_BUDGET = "budget of "  # in the reasons that engine/running/watch.py and engine/running/budget.py give


@dataclass(frozen=True)
class BatchRow:
    """One batch. `cost_usd` is None when models were called and no price is known; `unpriced_calls` counts
    the calls without a price. `command` is what the engine has not carried out yet: pause, resume, cancel or
    None. `sandbox` names the one that it runs in, None before the first claim. `import_report` is the report of an
    imported file (engine/importing/report.py), None for other batches and where none was stored. One that
    `rejudges` counts trajectories that it judged again (storage/generating/judgings.py)."""

    id: int
    name: str
    status: BatchStatus
    reason: str
    progress: Progress
    created_at: float
    started_at: float | None
    finished_at: float | None
    heartbeat_at: float | None
    tokens: int
    cost_usd: float | None
    seconds: float
    batch: Batch
    holder: str | None
    command: str | None
    unpriced_calls: int
    imported: bool
    sandbox: str | None
    import_report: dict[str, Any] | None = None
    rejudges: bool = False

    @property
    def cost_per_kept(self) -> float | None:
        """What a kept trajectory has cost so far in dollars, with all that was lost beside it; None when that is not
        known or nothing is kept."""
        if self.cost_usd is None or self.unpriced_calls or not self.progress.kept:
            return None
        return self.cost_usd / self.progress.kept

    @property
    def repeatable(self) -> Batch:
        """The batch with its plan version written out, also where it is older than plan versions, so that launching it
        again plans the same. An imported one was never planned and has none."""
        return self.batch if self.imported else self.batch.model_copy(update={"plan_version": self.batch.plan})

    @property
    def severity(self) -> Literal["error", "warning", "info"]:
        """How severe the reason is: "error" stopped the batch, "warning" asks the user to act, "info" only informs.

        A pause by hand is "info"; one by the budget, reached or not enforceable, is "warning"; every other pause means
        that a sandbox, disk or model does not work, and is "error".
        """
        if self.reason.startswith(_BY_HAND) or self.status == "cancelled":
            return "info"
        if self.status == "failed":
            return "error"
        if self.status == "paused":
            return "warning" if _BUDGET in self.reason else "error"
        return "warning" if self.status in ("done", "running") else "info"


def create_batch(db: Database, batch: Batch, now: float | None = None) -> int:
    """Queue a batch and return its id. Its domain digests, personas, rubric, models and plan version (the newest where
    it names none) are stored with it, so later edits do not change it.

    Raises InputErrors for every domain and persona that does not exist and every domain that is unfinished, InputError
    for an unknown plan version, and for a key in place of the name of its environment variable.
    """
    if refused := unknown_plan(batch):
        raise refused[0]
    for role, endpoint in batch.models.items():
        checked(endpoint, f"models.{role}")
    for number, endpoint in enumerate(batch.panel, 1):
        checked(endpoint, f"panel.{number}")
    chosen, errors = _personas(db, batch)
    with db.write() as session:
        shares = []
        for number, share in enumerate(batch.domains, 1):
            try:
                shares.append(share.model_copy(update={"digest": _digest(session, f"domains.{number}", share)}))
            except InputError as error:
                errors.append(error)
        if errors:
            raise InputErrors(errors)
        frozen = batch.pinned().model_copy(update={"domains": tuple(shares)})
        record = BatchRecord(
            name=batch.name,
            body=frozen.model_dump_json(),
            personas=_PERSONAS.dump_json(chosen).decode(),
            status="queued",
            planned=batch.trajectories,
            created_at=time.time() if now is None else now,
        )
        session.add(record)
        session.flush()
        assert record.id is not None
        return record.id


def _personas(db: Database, batch: Batch) -> tuple[tuple[Persona, ...], list[InputError]]:
    """Return the personas of a batch, and what is wrong with its choice."""
    known = {row.persona.id: row.persona for row in list_personas(db)}
    errors = [
        InputError(f"personas.{number}", f"there is no persona {id!r}.", "Choose personas from the list.")
        for number, id in enumerate(batch.personas, 1)
        if id not in known
    ]
    wanted = batch.personas or tuple(sorted(known))
    if not wanted:
        move = "Add one, or restore a deleted one on the page Personas."
        errors.append(InputError("personas", "there is no persona at all.", move))
    return tuple(known[id] for id in wanted if id in known), errors


def _digest(session: Session, where: str, share: DomainShare) -> str:
    """Return the digest that a share pins, else that of the current version. Raises InputError."""
    id, pinned = share.id, share.digest
    if pinned is not None:
        if session.get(PackRecord, pinned) is None:
            raise InputError(where, f"{id}: no version with digest {pinned!r}.", "Choose one from its versions.")
        return pinned
    record = session.get(DomainRecord, id)
    if record is None or record.deleted:
        raise InputError(where, f"there is no domain {id!r}.", "Choose domains from the list.")
    if not (record.tools and record.templates):
        lacks = "no tool" if not record.tools else "no template"
        raise InputError(where, f"{id} cannot be used yet: it has {lacks}.", "Finish it on its page.")
    return record.digest


def list_batches(db: Database, limit: int = 50, offset: int = 0, statuses: Sequence[str] = ()) -> list[BatchRow]:
    """Return batches, newest first."""
    b = tables.batch.c
    query = select(tables.batch).order_by(b.id.desc()).limit(limit).offset(offset)
    if statuses:
        query = query.where(b.status.in_(statuses))
    with db.read() as session:
        return [_row(row) for row in session.execute(query)]


def count_batches(db: Database, statuses: Sequence[str] = ()) -> int:
    """Return how many batches there are."""
    query = select(func.count()).select_from(tables.batch)
    if statuses:
        query = query.where(tables.batch.c.status.in_(statuses))
    with db.read() as session:
        return int(session.execute(query).scalar_one())


def get_batch(db: Database, id: int) -> BatchRow:
    """Return one batch. Raises InputError when there is none."""
    with db.read() as session:
        row = session.execute(select(tables.batch).where(tables.batch.c.id == id)).first()
    if row is None:
        raise no_batch(id)
    return _row(row)


def command(db: Database, id: int, what: str, now: float | None = None) -> None:
    """Tell the engine to pause, resume or cancel a batch. Repeating a command changes nothing.

    A batch that no engine holds changes at once: a queued, paused or abandoned one is cancelled, and a failed one that
    is resumed is queued again for what is missing. Raises InputError when the status does not allow the command.
    """
    now = time.time() if now is None else now
    with db.write() as session:
        query = select(BatchRecord).where(tables.batch.c.id == id).with_for_update()
        record = session.execute(query).scalar_one_or_none()
        if record is None:
            raise no_batch(id)
        if record.imported:
            message = f"batch {id} was imported, so it cannot {what}."
            raise InputError("command", message, "Delete it and import the file again.")
        if what not in ("pause", "resume", "cancel"):
            raise InputError("command", f"{what!r} is unknown.", "Use pause, resume or cancel.")
        if record.status == "running":
            _command_running(record, what, now)
        elif what == "cancel" and record.status in ("queued", "paused"):
            _end(record, now)
        elif record.status == "paused":
            record.command = "resume" if what == "resume" else None
        elif record.status == "failed" and what == "resume":
            record.status, record.reason, record.command, record.finished_at = "queued", "", None, None
        else:
            raise InputError(
                "command", f"batch {id} is {record.status}, so it cannot {what}.", _next_move(record.status)
            )


def _command_running(record: BatchRecord, what: str, now: float) -> None:
    abandoned = record.heartbeat_at is None or record.heartbeat_at < now - ABANDONED
    if what == "resume":
        record.command = "resume" if record.command == "pause" else record.command
    elif abandoned and what == "cancel":
        _end(record, now)
    elif abandoned:
        record.status, record.command, record.holder, record.running = "paused", None, None, 0
        record.reason = "Paused by the user; its engine had stopped answering."
    else:
        record.command = what if record.command != "cancel" else "cancel"


def _end(record: BatchRecord, now: float) -> None:
    record.status, record.command, record.holder, record.running = "cancelled", None, None, 0
    record.finished_at, record.reason = now, "Cancelled by the user."


def _next_move(status: str) -> str:
    moves = {"queued": "It waits for an engine; cancel it instead.", "failed": "Resume it, or create a new batch."}
    return moves.get(status, "Create a new batch instead.")


@dataclass(frozen=True)
class Ahead:
    """A batch that delays another one: an engine works on it (`at_work`) or will claim it first. `left` counts its
    unfinished rollouts."""

    id: int
    name: str
    left: int
    at_work: bool


def ahead(db: Database, row: BatchRow, now: float | None = None) -> list[Ahead]:
    """Return the batches that a waiting batch waits for: first those that engines work on, then those that they will
    claim before it. Empty when it does not wait.

    A batch with at most SMALL_BATCH rollouts left runs beside a larger one. So it waits for small ones only, and while
    it runs beside a larger one it delays no larger one. An abandoned batch is claimed in the order of ids.
    """
    b, now = tables.batch.c, time.time() if now is None else now
    if row.status != "queued" and row.command != "resume":
        return []
    left = unfinished()
    at_work = and_(b.status == "running", b.heartbeat_at >= now - ABANDONED)
    waiting = or_(b.status == "queued", b.status == "running", and_(b.status == "paused", b.command == "resume"))
    sooner = or_(at_work, and_(waiting, b.id < row.id))
    query = select(b.id, b.name, left.label("left"), at_work.label("at_work"), b.holder).where(sooner, b.id != row.id)
    small = row.progress.waiting + row.progress.running <= SMALL_BATCH
    if small:
        query = query.where(left <= SMALL_BATCH)
    with db.read() as session:
        found = session.execute(query.order_by(case((at_work, 0), else_=1), b.id)).all()
    larger = {r.holder for r in found if r.at_work and r.left > SMALL_BATCH}
    beside = {r.id for r in found if r.at_work and r.left <= SMALL_BATCH and r.holder in larger}
    return [Ahead(r.id, r.name, max(int(r.left), 0), bool(r.at_work)) for r in found if r.id not in beside]


def losses(db: Database, id: int) -> list[tuple[str, str, int]]:
    """Return (stage, reason, count) of what the batch lost, most frequent first; nothing for one that judges again."""
    t = tables.trajectory.c
    count = func.count().label("count")
    query = (
        select(func.coalesce(t.stage, "judged"), func.coalesce(t.reason, "unknown"), count)
        .where(t.batch_id == id, t.status != "kept")
        .group_by(t.stage, t.reason)
        .order_by(count.desc(), t.stage, t.reason)
    )
    with db.read() as session:
        return [(str(stage), str(reason), int(n)) for stage, reason, n in session.execute(query)]


def latest(db: Database, id: int, limit: int = 10) -> list[TrajectoryRow]:
    """Return the last trajectories of a batch, newest first."""
    t = tables.trajectory.c
    query = select(*COLUMNS).where(t.batch_id == id).order_by(t.id.desc()).limit(limit)
    with db.read() as session:
        return [row_of(row) for row in session.execute(query)]


def delete_batch(db: Database, id: int, now: float | None = None) -> None:
    """Delete a batch with all its trajectories and reviews. Raises InputError while an engine works on it."""
    now = time.time() if now is None else now
    b = tables.batch.c
    with db.write() as session:
        row = session.execute(select(b.status, b.heartbeat_at).where(b.id == id).with_for_update()).first()
        if row is None:
            raise no_batch(id)
        if row.status == "running" and row.heartbeat_at is not None and row.heartbeat_at >= now - ABANDONED:
            raise InputError("batch", f"batch {id} is running.", "Cancel it first.")
        j = tables.judgement.c
        if session.execute(select(j.used_at).where(j.batch_id == id, j.used_at.is_not(None)).limit(1)).first():
            raise InputError("batch", f"the scores that batch {id} found count now.", "Undo that first.")
        search.delete_batch(session.connection(), id)
        session.execute(delete(tables.batch).where(b.id == id))


def no_batch(id: int) -> InputError:
    """Return the error for a batch that does not exist."""
    return InputError("batch", f"there is no batch {id}.", "It may have been deleted; look at the list of batches.")


def _row(r: Row[tuple[object, ...]]) -> BatchRow:
    v = r._mapping
    return BatchRow(
        id=v["id"],
        name=v["name"],
        status=v["status"],
        reason=v["reason"],
        progress=progress_of(*(v[name] for name in COUNTS)),
        created_at=v["created_at"],
        started_at=v["started_at"],
        finished_at=v["finished_at"],
        heartbeat_at=v["heartbeat_at"],
        tokens=v["tokens"],
        cost_usd=cost_of(v["cost_usd"], v["priced_calls"], v["unpriced_calls"]),
        seconds=v["seconds"],
        batch=Batch.model_validate_json(v["body"]),
        holder=v["holder"],
        command=v["command"],
        unpriced_calls=v["unpriced_calls"],
        imported=v["imported"],
        sandbox=v["sandbox"],
        rejudges=v["rejudges"],
        import_report=json.loads(v["import_report"]) if v["import_report"] else None,
    )
