"""Trajectories from a file -> a batch that is done, a few hundred at a time, so that memory stays flat.

While an import is at work its batch is marked incomplete, and each chunk is one transaction with its counts. An import
that dies half-way leaves that batch with what came in so far; nobody can resume it: it is deleted, and the file
imported again. No engine ever claims it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from sqlalchemy import update

from engine.errors import InputError
from engine.types import Batch, DomainShare, Trajectory
from storage import tables
from storage.database import Database
from storage.intake import doubles
from storage.intake import rows as intake
from storage.tables import BatchRecord

CHUNK = 200
INCOMPLETE = (
    "This import has not finished. If none is at work any more, it was cut short: delete this batch and import the "
    "file again."
)
_MOST = 1_000_000


@dataclass(frozen=True)
class Imported:
    """What became of a file: the batch, how many trajectories it holds, and how many it held already."""

    batch: int
    rows: int
    repeated: int = 0


@dataclass(frozen=True)
class Brought:
    """What a file brought: the batch of what was new (None when nothing was), how many trajectories that holds, and how
    many of the file each batch of an import before holds, by its number."""

    batch: int | None
    rows: int
    there: Mapping[int, int]


def insert_new(
    db: Database, name: str, trajectories: Iterable[Trajectory], report: Callable[[], Mapping[str, Any]]
) -> Brought:
    """Store those trajectories of a file that no import before brought, as `insert` does. Raises what that raises."""
    there: Counter[int] = Counter()
    fresh = doubles.unknown(db, trajectories, there)
    first = list(islice(fresh, 1))
    if not first and there:
        return Brought(None, 0, dict(sorted(there.items())))
    found = insert(db, name, chain(first, fresh), report, reason=doubles.FROM_FILE)
    return Brought(found.batch, found.rows, dict(sorted(there.items())))


def insert(
    db: Database,
    name: str,
    trajectories: Iterable[Trajectory],
    report: Callable[[], Mapping[str, Any]] | None = None,
    *,
    chunk: int = CHUNK,
    reason: str = "Imported from a file.",
) -> Imported:
    """Store trajectories as a batch that is done. `report` is asked at the end for what the batch tells of its import.

    Raises InputError when there are none, and what the source raises; the batch then stays, marked incomplete, with
    what had come in, or is not there at all when that was nothing. Holds one chunk in memory.
    """
    source = iter(trajectories)
    first = list(islice(source, chunk))
    if not first:
        raise InputError(name, "holds no trajectory.", "Choose another file.")
    number, rows, given = _begin(db, name, first[0]), 0, 0
    domains: Counter[str] = Counter()
    for some in _chunks(first, source, chunk):
        given += len(some)
        rows += _add(db, number, some, domains)
    _finish(db, number, _batch(name, first[0], domains), report, reason)
    return Imported(number, rows, given - rows)


def _chunks(first: list[Trajectory], source: Iterator[Trajectory], chunk: int) -> Iterator[list[Trajectory]]:
    some = first
    while some:
        yield some
        some = list(islice(source, chunk))


def _begin(db: Database, name: str, first: Trajectory) -> int:
    now = time.time()
    batch = _batch(name, first, Counter((first.domain,)))
    record = BatchRecord(
        name=batch.name,
        body=batch.model_dump_json(),
        personas="[]",
        status="failed",
        reason=INCOMPLETE,
        imported=True,
        planned=0,
        created_at=now,
        started_at=now,
        finished_at=now,
    )
    with db.write() as session:
        session.add(record)
        session.flush()
        assert record.id is not None
        return record.id


def _add(db: Database, number: int, some: Sequence[Trajectory], domains: Counter[str]) -> int:
    """Store one chunk in one transaction; return how many of it were new."""
    b = tables.batch.c
    with db.write() as session:
        fresh = intake.insert(session.connection(), number, some, time.time())
        session.execute(update(tables.batch).where(b.id == number).values(planned=b.planned + len(fresh)))
    domains.update(t.domain for t in fresh)
    return len(fresh)


def _finish(
    db: Database, number: int, batch: Batch, report: Callable[[], Mapping[str, Any]] | None, reason: str
) -> None:
    told = None if report is None else json.dumps(report(), ensure_ascii=True)
    values = {"status": "done", "reason": reason, "body": batch.model_dump_json()}
    with db.write() as session:
        session.execute(
            update(tables.batch)
            .where(tables.batch.c.id == number)
            .values(**values, import_report=told, finished_at=time.time())
        )


def _batch(name: str, first: Trajectory, domains: Counter[str]) -> Batch:
    return Batch(
        name=name[:120] or "import",
        domains=tuple(DomainShare(id=id, weight=count) for id, count in domains.items()),
        trajectories=min(max(domains.total(), 1), _MOST),
        teacher=first.teacher,
        user=first.user,
    )
