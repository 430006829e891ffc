"""Exports: the recipe of each and its result."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import orjson
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from engine.errors import InputError
from engine.types import ExportOutcome, Recipe
from storage import tables
from storage.database import Database
from storage.tables import ExportRecord

ExportStatus = Literal["waiting", "running", "done", "failed"]
_CHUNK = 2_000


@dataclass(frozen=True)
class ExportRow:
    """One export. `path` is relative to the folder of exports; size in bytes; `rows` are training rows."""

    id: int
    recipe: Recipe
    status: ExportStatus
    created_at: float
    finished_at: float | None
    path: str | None
    size: int | None
    sha256: str | None
    rows: int | None
    report: dict[str, Any]
    error: str | None


def create_export(db: Database, recipe: Recipe) -> int:
    """Record an export that the engine shall build, status waiting; return its id."""
    record = ExportRecord(recipe=recipe.model_dump_json(), status="waiting", created_at=time.time())
    with db.write() as session:
        session.add(record)
        session.flush()
        assert record.id is not None
        return record.id


def get_export(db: Database, id: int) -> ExportRow | None:
    """Return one export, or None when there is none."""
    with db.read() as session:
        record = session.get(ExportRecord, id)
    return None if record is None else _row(record)


def list_exports(db: Database, limit: int = 50, offset: int = 0) -> list[ExportRow]:
    """Return exports, newest first."""
    query = select(ExportRecord).order_by(tables.export.c.id.desc()).limit(limit).offset(offset)
    with db.read() as session:
        return [_row(record) for record in session.scalars(query)]


def start_export(db: Database, id: int) -> Recipe:
    """Mark an export as being built and return its recipe. Raises InputError when there is none."""
    with db.write() as session:
        record = _record(session, id)
        record.status, record.error = "running", None
        return Recipe.model_validate_json(record.recipe)


def finish_export(db: Database, id: int, outcome: ExportOutcome) -> None:
    """Record what was written and which trajectories it holds. Raises InputError when there is no such
    export."""
    mark_exported(db, id, outcome.trajectories)
    with db.write() as session:
        record = _record(session, id)
        record.status, record.finished_at, record.error = "done", time.time(), None
        record.path, record.size, record.sha256, record.rows = outcome.path, outcome.size, outcome.sha256, outcome.rows
        record.report = orjson.dumps(outcome.report, option=orjson.OPT_NON_STR_KEYS).decode()


def fail_export(db: Database, id: int, error: str) -> None:
    """Record why an export failed. Raises InputError when there is no such export."""
    with db.write() as session:
        record = _record(session, id)
        record.status, record.finished_at, record.error = "failed", time.time(), error
        record.path = record.size = record.sha256 = record.rows = None
        record.report = "{}"


def mark_exported(db: Database, id: int, trajectory_ids: Iterable[int]) -> int:
    """Record which trajectories an export holds, in short transactions; return how many were new.

    Ids that were deleted meanwhile are skipped.
    """
    ids = iter(trajectory_ids)
    marked = 0
    while chunk := list(islice(ids, _CHUNK)):
        t, e = tables.trajectory.c, tables.exported
        with db.write() as session:
            rest = (
                select(t.id)
                .where(t.id.in_(chunk))
                .where(t.id.not_in(select(e.c.trajectory_id).where(e.c.export_id == id)))
            )
            there = list(session.execute(rest).scalars())
            if there:
                session.execute(
                    text("INSERT INTO exported (export_id, trajectory_id) VALUES (:export, :trajectory)"),
                    [{"export": id, "trajectory": n} for n in there],
                )
                session.execute(update(tables.trajectory).where(t.id.in_(there)).values(exported=True))
        marked += len(there)
    return marked


def delete_export(db: Database, id: int) -> None:
    """Delete an export's row; the caller deletes its file. Raises InputError when there is none."""
    with db.write() as session:
        record = _record(session, id)
        e, t = tables.exported, tables.trajectory
        ids = select(e.c.trajectory_id).where(e.c.export_id == id)
        others = select(e.c.trajectory_id).where(e.c.export_id != id)
        session.execute(update(t).where(t.c.id.in_(ids), t.c.id.not_in(others)).values(exported=False))
        session.delete(record)


def _record(session: Session, id: int) -> ExportRecord:
    record = session.get(ExportRecord, id)
    if record is None:
        raise InputError(
            "export", f"there is no export {id}.", "It may have been deleted; look at the list of exports."
        )
    return record


def _row(r: ExportRecord) -> ExportRow:
    assert r.id is not None
    return ExportRow(
        r.id,
        Recipe.model_validate_json(r.recipe),
        r.status,  # type: ignore[arg-type]
        r.created_at,
        r.finished_at,
        r.path,
        r.size,
        r.sha256,
        r.rows,
        orjson.loads(r.report),
        r.error,
    )
