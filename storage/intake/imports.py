"""Store the trajectories of a file as a batch that is done, a few hundred at a time, so that memory stays flat.

While an import runs its batch is marked incomplete, and each chunk is one transaction with its counts. An import that
dies half-way leaves that batch with what is stored so far. It cannot be resumed: delete it and import the file again.
No engine ever claims it.
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
from storage.intake import duplicates
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
    """The batch of `insert`, how many trajectories it holds, and how many more of the file had an id that it held."""

    batch: int
    rows: int
    repeated: int = 0


@dataclass(frozen=True)
class ImportResult:
    """The batch of what was new in a file (None when nothing was) and how many trajectories it holds; `repeated` is
    {earlier batch: how many trajectories of the file it holds}."""

    batch: int | None
    rows: int
    repeated: Mapping[int, int]


def insert_new(
    db: Database, name: str, trajectories: Iterable[Trajectory], report: Callable[[], Mapping[str, Any]]
) -> ImportResult:
    """Store those trajectories of a file that no earlier import stored. Raises as `insert` does."""
    repeated: Counter[int] = Counter()
    fresh = duplicates.not_yet_imported(db, trajectories, repeated)
    first = list(islice(fresh, 1))
    if not first and repeated:
        return ImportResult(None, 0, dict(sorted(repeated.items())))
    found = insert(db, name, chain(first, fresh), report, reason=duplicates.FROM_FILE)
    return ImportResult(found.batch, found.rows, dict(sorted(repeated.items())))


def insert(
    db: Database,
    name: str,
    trajectories: Iterable[Trajectory],
    report: Callable[[], Mapping[str, Any]] | None = None,
    *,
    chunk: int = CHUNK,
    reason: str = "Imported from a file.",
) -> Imported:
    """Store trajectories as a batch that is done. `report` is called at the end; its result is stored with the batch.

    Raises InputError when there are none, and what `trajectories` raises: then a batch with what was stored so far
    stays, marked incomplete, unless nothing was. Holds one chunk in memory.
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
    dumped = None if report is None else json.dumps(report(), ensure_ascii=True)
    values = {"status": "done", "reason": reason, "body": batch.model_dump_json()}
    with db.write() as session:
        session.execute(
            update(tables.batch)
            .where(tables.batch.c.id == number)
            .values(**values, import_report=dumped, finished_at=time.time())
        )


def _batch(name: str, first: Trajectory, domains: Counter[str]) -> Batch:
    return Batch(
        name=name[:120] or "import",
        domains=tuple(DomainShare(id=id, weight=count) for id, count in domains.items()),
        trajectories=min(max(domains.total(), 1), _MOST),
        teacher=first.teacher,
        user=first.user,
    )
