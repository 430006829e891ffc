"""Engine processes and their last heartbeats."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlmodel import col

from engine.types import Pulse
from storage import tables
from storage.database import Database
from storage.search import plain
from storage.tables import EngineRecord

FORGOTTEN = 7 * 24 * 3600.0
"""Seconds without a heartbeat after which an engine's row is deleted."""


@dataclass(frozen=True)
class EngineRow:
    """One engine process. `sandbox` is the one that it uses, `isolated` None while that is unknown."""

    holder: str
    pid: int
    started_at: float
    heartbeat_at: float
    sandbox: str
    isolated: bool | None
    detail: str


def beat(db: Database, pulse: Pulse) -> None:
    """Record a heartbeat, and delete engines that have been silent for FORGOTTEN."""
    with db.write() as session:
        session.execute(delete(tables.engine).where(tables.engine.c.heartbeat_at < pulse.now - FORGOTTEN))
        record = session.get(EngineRecord, pulse.holder)
        session.merge(
            EngineRecord(
                holder=pulse.holder,
                pid=pulse.pid,
                started_at=record.started_at if record else pulse.now,
                heartbeat_at=pulse.now,
                sandbox=pulse.sandbox,
                isolated=pulse.isolated,
                detail=plain(pulse.detail),
            )
        )


def engines(db: Database) -> list[EngineRow]:
    """Return the engines, the latest heartbeat first."""
    query = select(EngineRecord).order_by(col(EngineRecord.heartbeat_at).desc())
    with db.read() as session:
        return [
            EngineRow(r.holder, r.pid, r.started_at, r.heartbeat_at, r.sandbox, r.isolated, r.detail)
            for r in session.scalars(query)
        ]


def newest(db: Database) -> EngineRow | None:
    """Return the engine with the latest heartbeat, or None."""
    found = engines(db)
    return found[0] if found else None


def leave(db: Database, holder: str) -> None:
    """Delete the row of an engine that stops on purpose."""
    with db.write() as session:
        session.execute(delete(tables.engine).where(tables.engine.c.holder == holder))
