"""A batch's counters hold every token that its models' server stated, also those of failed calls and dropped dialogues.

The server states other tokens in each reply and sums them up. Where a batch is ended in the middle, the server holds
back all further replies first, so that every reply that it has given has also arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from engine.errors import SandboxError
from engine.protocols import Sandbox, SandboxPool
from engine.rolling import rollout as rollout_module
from engine.running.runner import run
from engine.serving.choice import SandboxChoice, open_pool
from engine.serving.worker import Worker
from engine.types import Domain, Endpoint, Environment, Trajectory, TrajectoryFilter
from storage.database import Database
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.engines import FailingPool
from tests.llms.server import Server, completion, serving
from tests.samples.batches import batch_of

CONCURRENCY = 4
PRICES = {"input_cost_per_million": 1.0, "output_cost_per_million": 1.0}
"""A token costs a millionth of a dollar, so that cost and tokens can be compared."""

Fault = Callable[[int, int], Mapping[str, Any] | None]
"""What is given instead, by the number of the request and how many results its dialogue has, both from 0."""


class Counting(Server):
    """Lets the teacher call a tool that there is not, twice, and then answer. `fault` says what it does instead:
    {"status": 500}, {"text": ""} (with usage) or {"hang": True}, until `released`. `tokens` is what it has stated."""

    def __init__(self, fault: Fault = lambda *_: None) -> None:
        super().__init__()
        self.fault, self.tokens, self.failed, self.hanging = fault, 0, 0, 0
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        number = len(self.requests)
        self.requests.append(body)
        results = sum(message["role"] == "tool" for message in body["messages"])
        play = self.fault(number, results)
        if play is not None and play.get("hang"):
            self.hanging += 1
            try:
                await self.released.wait()
            finally:
                self.hanging -= 1
            play = None
        if play is not None and "status" in play:
            self.failed += 1
            return web.json_response({"error": {"message": "scripted"}}, status=play["status"])
        usage = {"prompt_tokens": 100 + number, "completion_tokens": 1 + number % 7}
        self.tokens += sum(usage.values())
        return web.json_response(completion({**(_next(results) if play is None else play), **usage}))


def _next(results: int) -> dict[str, Any]:
    return {"calls": [{"name": "fly", "arguments": {}}]} if results < 2 else {"text": "No idea."}


def launch(db: Database, ledger: Domain, base: str, *, attempts: int = 3, **changes: Any) -> int:
    options = {"backoff": 0.001}
    teacher = Endpoint(model="m", llm="openai_compatible", api_base=base, attempts=attempts, options=options)
    given = {"teacher": "llm", "models": {"teacher": teacher}, "sandbox": "local", "concurrency": CONCURRENCY}
    plain = {"modes": {"single": 1}, "turns": {1: 1}, "trajectories": 12, "budget": PRICES}
    return batches.create_batch(db, batch_of(ledger, **given | plain | changes))


class Told(SqlStore):
    """Counts how often it has told an engine to pause."""

    pauses = 0

    def heartbeat(self, batch_id: int, holder: str, now: float, running: int) -> str | None:
        command = super().heartbeat(batch_id, holder, now, running)
        self.pauses += command == "pause"
        return command


def worker(db: Database, store: SqlStore | None = None) -> Worker:
    return Worker(store or SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None)


def is_exact(row: batches.BatchRow, server: Counting) -> bool:
    assert row.cost_usd is not None
    return (row.tokens, round(row.cost_usd * 1e6), row.unpriced_calls) == (server.tokens, server.tokens, 0)


def stored(db: Database, number: int) -> list[Trajectory]:
    found = trajectories.stream(db, TrajectoryFilter(batches=(number,)))
    return [Trajectory.model_validate_json(body) for _, body, _ in found]


def in_stored(db: Database, number: int) -> int:
    """Return the tokens of all stored trajectories."""
    calls = [call for one in stored(db, number) for call in one.calls]
    return sum((call.prompt_tokens or 0) + (call.completion_tokens or 0) for call in calls)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def hanging(
    db: Database, ledger: Domain, engine: Worker
) -> AsyncIterator[tuple[Counting, int, asyncio.Task[None]]]:
    """Give the server, the number of a batch and the work of the engine on it, once every dialogue waits for a reply
    that the server holds back."""
    async with serving(server=Counting(hangs_from(12))) as server:
        assert isinstance(server, Counting)
        number = launch(db, ledger, server.base)
        working = asyncio.create_task(engine.work(once=True))
        await until(lambda: server.hanging == CONCURRENCY)
        yield server, number, working


def hangs_from(first: int) -> Fault:
    """Hold back the replies from this one on, but for the first of a dialogue, so that each one that waits has cost."""
    return lambda number, results: {"hang": True} if number >= first and results else None


def sometimes(number: int, results: int) -> Mapping[str, Any] | None:
    """Fail one request of twenty with 500, and give an empty reply to another one."""
    return {3: {"status": 500}, 11: {"text": ""}}.get(number % 20)


@pytest.mark.parametrize("attempts", [1, 3])
async def test_errors_and_empty_replies(db: Database, ledger: Domain, attempts: int) -> None:
    """With one attempt the calls fail and are recorded; with three they are made again."""
    async with serving(server=Counting(sometimes)) as server:
        assert isinstance(server, Counting)
        number = launch(db, ledger, server.base, attempts=attempts, trajectories=20)
        await worker(db).work(once=True)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("done", True)
        calls = [call for one in stored(db, number) for call in one.calls]
        assert sum(call.attempts for call in calls) == len(server.requests)
        lost = [call for call in calls if call.failed]
        assert {call.failed for call in lost} == ({"server", "empty"} if attempts == 1 else set())
        assert sum(call.failed == "server" for call in lost) == (server.failed if attempts == 1 else 0)
        assert {call.prompt_tokens is None for call in lost if call.failed == "server"} <= {True}


async def test_a_cancelled_batch_counts_the_dialogues_that_it_drops(db: Database, ledger: Domain) -> None:
    async with hanging(db, ledger, worker(db)) as (server, number, working):
        batches.command(db, number, "cancel")
        await asyncio.wait_for(working, 60)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("cancelled", True)
        assert row.tokens >= in_stored(db, number) + 100 * CONCURRENCY


async def test_a_stopped_engine_and_the_next_one_count_together(db: Database, ledger: Domain) -> None:
    """The rollouts that the first one dropped are made anew, and both are paid for."""
    first = worker(db)
    async with hanging(db, ledger, first) as (server, number, working):
        first.stop.set()
        await asyncio.wait_for(working, 60)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("queued", True)
        server.fault = lambda *_: None
        await worker(db).work(once=True)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("done", True)
        assert row.tokens >= in_stored(db, number) + 100 * CONCURRENCY


async def test_pause_and_resume(db: Database, ledger: Domain) -> None:
    store = Told(db)
    async with hanging(db, ledger, worker(db, store)) as (server, number, working):
        batches.command(db, number, "pause")
        await until(lambda: store.pauses > 1)  # the runner has obeyed the first one before it asks again
        server.fault = lambda *_: None
        server.released.set()
        await asyncio.wait_for(working, 60)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("paused", True)
        batches.command(db, number, "resume")
        await worker(db).work(once=True)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("done", True)


async def test_a_reached_budget(db: Database, ledger: Domain) -> None:
    async with serving(server=Counting()) as server:
        assert isinstance(server, Counting)
        number = launch(db, ledger, server.base, budget={"tokens": 2000, **PRICES})
        await worker(db).work(once=True)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("paused", True)


async def test_a_key_that_is_refused_in_the_middle(db: Database, ledger: Domain) -> None:
    """The dialogue whose call was refused is dropped."""

    def fault(number: int, results: int) -> Mapping[str, Any] | None:
        return {"status": 401} if number >= 18 and results else None

    async with serving(server=Counting(fault)) as server:
        assert isinstance(server, Counting)
        number = launch(db, ledger, server.base, concurrency=1)
        await worker(db).work(once=True)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server)) == ("failed", True)
        assert row.tokens >= in_stored(db, number) + 100


async def test_an_attempt_that_was_broken_off_counts(db: Database, ledger: Domain) -> None:
    """The first call got an empty reply and was being made again when the batch was cancelled."""

    def fault(number: int, results: int) -> Mapping[str, Any]:
        return {"hang": True} if number else {"text": ""}

    async with serving(server=Counting(fault)) as server:
        assert isinstance(server, Counting)
        number = launch(db, ledger, server.base, concurrency=1)
        working = asyncio.create_task(worker(db).work(once=True))
        await until(lambda: server.hanging == 1)
        batches.command(db, number, "cancel")
        await asyncio.wait_for(working, 60)
        row = batches.get_batch(db, number)
        assert (row.status, is_exact(row, server), in_stored(db, number)) == ("cancelled", True, 0)
        assert row.tokens == 101


async def test_a_rollout_that_ran_out_of_time(db: Database, ledger: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its two finished calls count, and the third with the empty reply of its first attempt. The time runs out when the
    server holds back a reply, however long everything before has taken."""
    limits: list[asyncio.Timeout] = []

    def timeout(seconds: float) -> asyncio.Timeout:
        limits.append(asyncio.timeout(None))
        return limits[-1]

    monkeypatch.setattr(rollout_module, "asyncio", SimpleNamespace(timeout=timeout))

    def fault(number: int, results: int) -> Mapping[str, Any] | None:
        return {2: {"text": ""}, 3: {"hang": True}}.get(number)

    async with serving(server=Counting(fault)) as server:
        assert isinstance(server, Counting)
        number = launch(db, ledger, server.base, trajectories=1, limits={"seconds": 6})
        working = asyncio.create_task(worker(db).work(once=True))
        await until(lambda: server.hanging == 1)
        limits[-1].reschedule(asyncio.get_running_loop().time())
        await asyncio.wait_for(working, 60)
        row = batches.get_batch(db, number)
        assert (row.status, row.progress.failed, is_exact(row, server)) == ("done", 1, True)
        (lost,) = stored(db, number)
        assert (lost.reason, lost.end) == ("timeout", "timeout")
        assert [(call.failed, call.attempts) for call in lost.calls] == [("", 1), ("", 1), ("timeout", 2)]
        assert lost.calls[-1].cost_usd is not None
        assert "in call 3 of the teacher m (at attempt 2 of 3)" in lost.detail
        assert lost.detail.startswith("The rollout took longer than 6 s: ")


class Breaks(FailingPool):
    """A pool in which every third lease breaks at its end."""

    @asynccontextmanager
    async def lease(self, environment: Environment) -> AsyncIterator[Sandbox]:
        number, self.leases = self.leases, self.leases + 1
        async with self.pool.lease(environment) as sandbox:
            yield sandbox
        if number % 3 == 2:
            raise SandboxError("broken pipe")

    def __init__(self, pool: SandboxPool) -> None:
        super().__init__(pool, lambda _: None)
        self.pool = pool


async def test_sandboxes_that_break(db: Database, ledger: Domain) -> None:
    """A dialogue whose sandbox broke is held once more, and both are counted."""
    store, pool = SqlStore(db), await open_pool("local")
    try:
        async with serving(server=Counting()) as server:
            assert isinstance(server, Counting)
            number = launch(db, ledger, server.base)
            claim = store.claim("me", time.time(), 60)
            assert claim is not None
            ending = await run(claim, store, Breaks(pool), asyncio.Event())
    finally:
        await pool.aclose()
    assert ending.status == "done", ending.reason
    assert is_exact(batches.get_batch(db, number), server)
    assert any(one.execution.infrastructure_retries for one in stored(db, number))
