"""Batches from claim to release, with a real database, the local sandbox and injected faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.errors import SandboxError, StorageError
from engine.running.runner import run
from engine.serving.choice import SandboxChoice, open_pool
from engine.serving.worker import Worker
from engine.types import Domain, Progress, Trajectory
from storage.database import Database
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.engines import FailingPool
from tests.samples.batches import batch_of
from tests.samples.models import scripted


def launch(db: Database, ledger: Domain, **changes: Any) -> int:
    changes = {"sandbox": "local", **changes}
    return batches.create_batch(db, batch_of(ledger, **changes))


async def work(db: Database, store: SqlStore | None = None) -> None:
    lines: list[str] = []
    await Worker(store or SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lines.append).work(once=True)


def adds_up(p: Progress) -> bool:
    return p.planned == p.kept + p.rejected + p.failed + p.running + p.waiting and p.waiting >= 0


async def test_a_batch_is_done_and_its_counts_add_up(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, trajectories=20)
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "done"
    assert row.progress.waiting == row.progress.running == 0
    assert row.progress.kept >= 15
    assert adds_up(row.progress)
    stored, total = trajectories.page(db, batches_only(number), limit=50)
    assert total == len(stored) == 20


def stored(db: Database, batch: int) -> list[Trajectory]:
    return [Trajectory.model_validate_json(body) for _, body, _ in trajectories.stream(db, batches_only(batch))]


def batches_only(number: int) -> Any:
    from engine.types import TrajectoryFilter

    return TrajectoryFilter(batches=(number,))


async def test_the_same_seed_gives_the_same_records_at_any_concurrency(db: Database, ledger: Domain) -> None:
    numbers = [launch(db, ledger, trajectories=15, concurrency=c) for c in (1, 9)]
    await work(db)
    first, second = (stored(db, n) for n in numbers)
    clocks = {"execution", "calls", "attachments"}
    assert [t.model_dump(exclude=clocks) for t in first] == [t.model_dump(exclude=clocks) for t in second]


async def test_a_wrong_key_fails_the_batch_at_once_with_the_setting(db: Database, ledger: Domain) -> None:
    endpoint = scripted({"error": "auth"})
    number = launch(db, ledger, teacher="llm", models={"teacher": endpoint}, trajectories=50)
    missing = scripted({"text": "x"}).model_copy(update={"key_variable": "NO_SUCH_KEY_HERE"})
    second = launch(db, ledger, teacher="llm", models={"teacher": missing})
    await work(db)
    assert batches.get_batch(db, number).status == "failed"
    row = batches.get_batch(db, second)
    assert row.status == "failed"
    assert "NO_SUCH_KEY_HERE" in row.reason


@pytest.mark.parametrize("kind", ["server", "malformed", "empty", "timeout", "connection", "rate_limit", "bad_request"])
async def test_model_faults_never_crash_a_batch(db: Database, ledger: Domain, kind: str) -> None:
    endpoint = scripted({"error": kind}, backoff=0.0)
    number = launch(db, ledger, teacher="llm", models={"teacher": endpoint}, trajectories=5)
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "done"
    assert adds_up(row.progress)
    assert row.progress.failed + row.progress.rejected == 5
    assert {reason for _, reason, _ in batches.losses(db, number)} <= {f"model_{kind}", "duplicate"}


async def test_a_gone_sandbox_pauses_with_the_reason_and_resumes(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, trajectories=30, concurrency=2)
    store = SqlStore(db)
    pool = await open_pool("local")
    try:
        claim = store.claim("me", time.time(), 60)
        assert claim is not None
        gone = FailingPool(pool, lambda n: SandboxError("the engine went away", gone=True) if n > 20 else None)
        ending = await run(claim, store, gone, asyncio.Event())
        assert ending.status == "paused"
        assert "the engine went away" in ending.reason
        store.release(number, "me", ending.status, ending.reason)
        kept = batches.get_batch(db, number).progress
        assert 0 < kept.kept + kept.rejected < 30
        batches.command(db, number, "resume")
    finally:
        await pool.aclose()
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "done"
    assert trajectories.count(db, batches_only(number)) == 30


class FullDisk(SqlStore):
    """A store whose disk is full from the second save on, until `free` is set."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.saves, self.free = 0, False

    def save(self, batch_id: int, trajectories: Any) -> int:
        self.saves += 1
        if self.saves > 1 and not self.free:
            raise StorageError("The disk is full. Free some space, then resume.", full=True)
        return super().save(batch_id, trajectories)


async def test_a_full_disk_pauses_with_the_reason_and_resumes(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, trajectories=200, concurrency=4)
    store = FullDisk(db)
    await work(db, store)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert "disk is full" in row.reason
    store.free = True
    batches.command(db, number, "resume")
    await work(db, store)
    assert batches.get_batch(db, number).status == "done"
    assert trajectories.count(db, batches_only(number)) == 200


async def commanded(db: Database, number: int, what: str, after: Callable[[Progress], bool]) -> None:
    working = asyncio.create_task(work(db))
    while not after(batches.get_batch(db, number).progress):
        await asyncio.sleep(0.05)
    batches.command(db, number, what)
    await asyncio.wait_for(working, 30)


async def test_pause_lets_flying_rollouts_finish_and_resume_completes(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, trajectories=600, concurrency=4)
    await commanded(db, number, "pause", lambda p: p.kept > 5)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert 0 < row.progress.kept + row.progress.rejected < 600
    assert adds_up(row.progress)
    assert row.progress.running == 0
    batches.command(db, number, "resume")
    await work(db)
    assert batches.get_batch(db, number).status == "done"
    assert trajectories.count(db, batches_only(number)) == 600


async def test_cancel_keeps_what_is_finished(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, trajectories=2000, concurrency=4)
    await commanded(db, number, "cancel", lambda p: p.kept > 5)
    row = batches.get_batch(db, number)
    assert row.status == "cancelled"
    assert trajectories.count(db, batches_only(number)) == row.progress.kept + row.progress.rejected


async def test_a_reached_budget_pauses_and_names_it(db: Database, ledger: Domain) -> None:
    endpoint = scripted({"text": "No idea.", "prompt_tokens": 50, "completion_tokens": 10})
    number = launch(
        db, ledger, teacher="llm", models={"teacher": endpoint}, trajectories=400, budget={"tokens": 300}, concurrency=2
    )
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert "tokens budget of 300" in row.reason
    assert row.progress.waiting > 0


async def test_an_endpoint_that_makes_no_call_is_told_of_and_fails_nothing(db: Database, ledger: Domain) -> None:
    endpoint = scripted({"text": "It is fine."})
    number = launch(
        db,
        ledger,
        teacher="llm",
        models={"teacher": endpoint},
        trajectories=20,
        modes={"dependent": 1},
        early_look=False,
    )
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "done"
    assert "may ignore tools" in row.reason


async def test_a_result_is_saved_while_the_next_is_awaited(db: Database, ledger: Domain) -> None:
    """Two results in one burst, then nothing for long: both are in the database."""
    endpoint = scripted({"text": "No."})
    reading = {"domains": [{"id": ledger.id, "templates": ["balance"]}], "modes": {"multiple": 1}}  # no state is lost
    more = {"teacher": "llm", "models": {"teacher": endpoint}, "trajectories": 4, "concurrency": 1}
    number = launch(db, ledger, **reading, **more)
    store, pool = SqlStore(db), await open_pool("local")
    claim = store.claim("me", time.time(), 60)
    assert claim is not None
    slow = SlowFrom(pool, 4)
    stop = asyncio.Event()
    working = asyncio.create_task(run(claim, store, slow, stop))
    try:
        await asyncio.wait_for(slow.reached.wait(), 20)
        await asyncio.sleep(1.0)
        assert trajectories.count(db, batches_only(number)) == 2
    finally:
        stop.set()
        ending = await working
        await pool.aclose()
    assert ending.status == "queued"


class SlowFrom(FailingPool):
    """A pool whose leases hang from the given number on."""

    def __init__(self, inner: Any, number: int) -> None:
        super().__init__(inner, lambda _: None)
        self.pool, self.number, self.reached = inner, number, asyncio.Event()

    @asynccontextmanager
    async def lease(self, environment: Any) -> AsyncIterator[Any]:
        self.leases += 1
        if self.leases > self.number:
            self.reached.set()
            await asyncio.Event().wait()
        async with self.pool.lease(environment) as sandbox:
            yield sandbox


async def test_a_batch_that_is_whole_is_done_even_if_a_budget_is_reached_with_it(db: Database, ledger: Domain) -> None:
    endpoint = scripted({"text": "No.", "prompt_tokens": 50, "completion_tokens": 10})
    number = launch(
        db, ledger, teacher="llm", models={"teacher": endpoint}, trajectories=3, budget={"tokens": 100}, concurrency=3
    )
    await work(db)
    row = batches.get_batch(db, number)
    assert (row.status, row.progress.waiting) == ("done", 0)


async def test_a_fault_of_ours_fails_the_batch_and_not_the_engine(db: Database, ledger: Domain) -> None:
    class Odd(SqlStore):
        def done_ids(self, batch_id: int) -> set[str]:
            if batch_id == first:
                raise KeyError("odd")
            return super().done_ids(batch_id)

    first, second = (launch(db, ledger, trajectories=2) for _ in range(2))
    await work(db, Odd(db))
    assert batches.get_batch(db, first).status == "failed"
    assert "KeyError" in batches.get_batch(db, first).reason
    assert batches.get_batch(db, second).status == "done"
