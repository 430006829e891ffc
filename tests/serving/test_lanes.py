"""One engine works on a small batch beside a large one, and loses or repeats no rollout."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import SMALL_BATCH, Domain
from storage.database import Database
from storage.generating import batches
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.engines import engine, until
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.serving.test_worker import stored

SLOW = {"text": "No idea.", "seconds": 0.2}


def launch(db: Database, ledger: Domain, trajectories: int, **changes: Any) -> int:
    more = {
        "sandbox": "local",
        "teacher": "llm",
        "models": {"teacher": scripted(SLOW)},
        "concurrency": 2,
        "early_look": False,
        **changes,
    }
    return batches.create_batch(db, batch_of(ledger, trajectories=trajectories, **more))


@asynccontextmanager
async def working(db: Database, store: SqlStore | None = None, **options: Any) -> AsyncIterator[Worker]:
    """A worker that works until the block ends."""
    worker = Worker(store or SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda line: None, **options)
    task = asyncio.create_task(worker.work())
    try:
        yield worker
    finally:
        worker.stop.set()
        await asyncio.wait_for(task, 30)


async def seen(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.05)


def status(db: Database, number: int) -> str:
    return batches.get_batch(db, number).status


async def test_three_first_do_not_wait_for_a_large_batch(db: Database, ledger: Domain) -> None:
    large = launch(db, ledger, 10_000)
    async with working(db):
        await seen(lambda: batches.get_batch(db, large).progress.rejected > 0)
        second = launch(db, ledger, SMALL_BATCH + 1)
        first_three = launch(db, ledger, 3)
        assert [a.id for a in batches.ahead(db, batches.get_batch(db, second))] == [large]
        await seen(lambda: status(db, first_three) == "done")
        assert (status(db, large), status(db, second)) == ("running", "queued")
        batches.command(db, large, "cancel")
        await seen(lambda: status(db, second) == "done")
    assert status(db, large) == "cancelled"


async def test_a_large_batch_with_little_left_is_finished_beside_another(db: Database, ledger: Domain) -> None:
    large, nearly = launch(db, ledger, 10_000), launch(db, ledger, SMALL_BATCH + 6, concurrency=8)
    async with working(db, only=nearly):
        await seen(lambda: batches.get_batch(db, nearly).progress.rejected >= 6)
    assert status(db, large) == status(db, nearly) == "queued"
    async with working(db):
        await seen(lambda: status(db, nearly) == "done")
        assert status(db, large) == "running"


async def test_an_engine_for_one_batch_leaves_the_others(db: Database, ledger: Domain) -> None:
    older, mine, small = launch(db, ledger, 50), launch(db, ledger, 4), launch(db, ledger, 3)
    async with working(db, only=mine):
        await seen(lambda: status(db, mine) == "done")
        await asyncio.sleep(1.2)
    assert [batches.get_batch(db, number).started_at for number in (older, small)] == [None, None]


class Counted(SqlStore):
    """A store that counts how often work on a batch began."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.began = 0

    def done_ids(self, batch_id: int) -> set[str]:
        self.began += 1
        return super().done_ids(batch_id)


async def test_an_engine_that_stood_still_does_not_take_over_its_own_batch(db: Database, ledger: Domain) -> None:
    """After a machine has slept, the claim of a batch at work looks stale to the engine's other lane."""
    store = Counted(db)
    number = launch(db, ledger, 12)
    async with working(db, store) as worker:
        await seen(lambda: store.began == 1)
        for _ in range(4):
            with db.write() as session:
                session.execute(text("UPDATE batch SET heartbeat_at = heartbeat_at - 1000 WHERE status = 'running'"))
            await asyncio.sleep(0.6)
        assert batches.get_batch(db, number).holder in (worker.holder, None)
        await seen(lambda: status(db, number) == "done")
    assert store.began == 1
    assert len(stored(db, number)) == 12


@pytest.mark.slow
def test_an_engine_killed_with_two_batches_loses_and_doubles_nothing_of_either(
    tmp_path: Path, db: Database, ledger: Domain
) -> None:
    first = engine(tmp_path)
    try:
        large = launch(db, ledger, 120, concurrency=8, models={"teacher": scripted({**SLOW, "seconds": 0.1})})
        until(lambda: len(stored(db, large)) > 10, 60)
        small = launch(db, ledger, SMALL_BATCH, concurrency=1)
        until(lambda: len(stored(db, small)) > 1, 60)
        assert status(db, large) == status(db, small) == "running"
        os.kill(first.pid, signal.SIGKILL)
        first.wait(20)
        kept = {number: {t.id for t in stored(db, number)} for number in (large, small)}
        assert all(adds_up_by_rows(db, number) for number in (large, small))
        second = engine(tmp_path)
        try:
            until(lambda: status(db, large) == status(db, small) == "done", 90)
        finally:
            second.send_signal(signal.SIGTERM)
            assert second.wait(20) == 0
    finally:
        first.kill()
    for number, planned in ((large, 120), (small, SMALL_BATCH)):
        ids = [t.id for t in stored(db, number)]
        assert len(ids) == len(set(ids)) == planned
        assert kept[number] <= set(ids)
        assert adds_up_by_rows(db, number)


def adds_up_by_rows(db: Database, number: int) -> bool:
    """Whether the counters are those of the stored rows by status."""
    p, rows = batches.get_batch(db, number).progress, [t.status for t in stored(db, number)]
    counted = {"kept": p.kept, "rejected": p.rejected, "failed": p.failed, "unmeasured": p.unmeasured}
    return counted == {name: rows.count(name) for name in counted} and p.waiting >= 0  # type: ignore[arg-type]
