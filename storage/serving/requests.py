"""Requests: what a page asks of the engine (try a tool, prove a template, test a model, build an export)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import CursorResult, and_, delete, or_, select, update

from engine.liveness import has_ended
from engine.reading.json_value import loads
from engine.times import STALE, UNANSWERED
from storage import tables
from storage.database import Database
from storage.search import plain
from storage.tables import RequestRecord

KEPT = 24 * 3600.0
"""Seconds that an answered request is kept."""


@dataclass(frozen=True)
class RequestRow:
    """One request and its answer."""

    id: int
    kind: str
    payload: dict[str, Any]
    status: Literal["waiting", "running", "done", "failed"]
    result: Any
    error: str | None
    created_at: float


def submit(db: Database, kind: str, payload: Mapping[str, Any]) -> int:
    """Store a request for the engine and return its id. Answered requests older than KEPT are deleted."""
    now = time.time()
    r = tables.request.c
    record = RequestRecord(kind=kind, payload=_json(dict(payload)), status="waiting", created_at=now)
    with db.write() as session:
        session.execute(delete(tables.request).where(r.status.in_(("done", "failed")), r.created_at < now - KEPT))
        session.add(record)
        session.flush()
        assert record.id is not None
        return record.id


def get_request(db: Database, id: int) -> RequestRow | None:
    """Return one request, or None when there is none (old answered ones are deleted)."""
    with db.read() as session:
        record = session.get(RequestRecord, id)
    return None if record is None else _row(record)


def claim_request(db: Database, holder: str, now: float) -> RequestRow | None:
    """Claim the oldest request that waits or whose engine died or never answered; None without any.

    The claim is one UPDATE that repeats the condition, so of two engines only one gets it.
    """
    r = tables.request.c
    dead = _dead_holders(db, now)
    lost = or_(r.claimed_at < now - UNANSWERED, r.holder.in_(dead)) if dead else r.claimed_at < now - UNANSWERED
    free = or_(r.status == "waiting", and_(r.status == "running", lost))
    with db.read() as session:
        waiting = session.execute(select(r.id).where(free).order_by(r.id).limit(20)).scalars().all()
    for number in waiting:
        change = update(tables.request).where(r.id == number, free)
        with db.write() as session:
            taken = session.execute(change.values(status="running", holder=holder, claimed_at=now))
            if isinstance(taken, CursorResult) and taken.rowcount == 1:
                record = session.execute(select(RequestRecord).where(r.id == number)).scalar_one()
                return _row(record)
    return None


def _dead_holders(db: Database, now: float) -> list[str]:
    """Return the holders of running requests whose process has ended or whose heartbeat is old."""
    r, e = tables.request.c, tables.engine.c
    held = select(r.holder, e.heartbeat_at).join_from(tables.request, tables.engine, r.holder == e.holder, isouter=True)
    with db.read() as session:
        rows = session.execute(held.where(r.status == "running", r.holder.is_not(None)).distinct()).all()
    return [str(holder) for holder, beat in rows if has_ended(holder) or (beat is not None and beat < now - STALE)]


def finish_request(db: Database, id: int, result: Any = None, error: str | None = None) -> None:
    """Answer a request: done with a JSON value, or failed with a sentence for the reader."""
    with db.write() as session:
        session.execute(
            update(tables.request)
            .where(tables.request.c.id == id)
            .values(
                status="failed" if error is not None else "done",
                result=None if error is not None else _json(result),
                error=None if error is None else plain(error),
            )
        )


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError:  # orjson refuses whole numbers beyond 64 bits
        return plain(json.dumps(value, ensure_ascii=False, default=_from_numpy))


def _from_numpy(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


def _row(r: RequestRecord) -> RequestRow:
    assert r.id is not None
    result = None if r.result is None else loads(r.result)
    return RequestRow(r.id, r.kind, loads(r.payload), r.status, result, r.error, r.created_at)  # type: ignore[arg-type]
