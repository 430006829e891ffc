"""Runs one batch: plans it, leaves out what is stored, executes the rest and saves it. The only writer of trajectories.

Trajectories are saved in small transactions as they arrive, so a crash loses only what was in flight. Pause and a
reached budget let the rollouts in flight finish; cancel and the stop of the engine do not wait for them. What the model
calls of dropped rollouts took is added to the batch's counters, unless the engine is killed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from engine.domains.sources import runs_commands
from engine.errors import BudgetReached, SandboxError, StorageError, TurnwrightError
from engine.executors.local import LocalExecutor
from engine.judging.again import judged_again
from engine.planning.planner import plan
from engine.protocols import LLM, Judge, SandboxPool, Store
from engine.rolling.parts import Parts, environment_of
from engine.rolling.rollout import proven, rollout
from engine.running.budget import Meter
from engine.running.early_look import EarlyLook
from engine.running.failures import Breaker, JudgeWatch
from engine.running.models import open_llm
from engine.running.panel import Panel
from engine.running.proving_ahead import ProvingAhead
from engine.running.replays import OpenPool, Replays
from engine.running.watch import Ending, Watch
from engine.running.wiring import check_batch, judges_of, opened_models, parts_of
from engine.times import BEAT, PAUSE_OWN
from engine.types import Batch, Claim, Judgement, ModelRole, Proof, RolloutSpec, Trajectory

FLUSH_SECONDS = 0.25
"""Longest time that a finished trajectory waits to be saved."""
FLUSH_ROWS = 64
"""So many unsaved trajectories are saved without waiting for FLUSH_SECONDS."""
Value = TypeVar("Value")


async def run(claim: Claim, store: Store, pool: SandboxPool, stop: asyncio.Event) -> Ending:
    """Work on a claimed batch that rolls out until it is done or must end, and return how it ended. The caller releases
    the claim.

    Never raises for what concerns the batch: a missing key or domain gives status `failed`; a sandbox backend that is
    gone, a full disk, a reached budget or many failed rollouts in a row give `paused`. The reason names the next move.
    """
    return await _with_models(claim, store, stop, pool=pool)


async def judge_again(claim: Claim, store: Store, open_pool: OpenPool, stop: asyncio.Event) -> Ending:
    """Work on a claimed batch that judges again, as `run` does. A sandbox is opened when a replay first needs one; the
    batch is bound to none, since a replay gives the same in each."""
    return await _with_models(claim, store, stop, open_pool=open_pool)


async def _with_models(
    claim: Claim,
    store: Store,
    stop: asyncio.Event,
    *,
    pool: SandboxPool | None = None,
    open_pool: OpenPool | None = None,
) -> Ending:
    watch, llms = Watch(stop, judges=JudgeWatch(claim.batch.pause_unmeasured)), dict[ModelRole, LLM]()
    try:
        return await _run(claim, store, watch, llms, pool, open_pool)
    finally:
        await asyncio.gather(*(llm.aclose() for llm in llms.values()), return_exceptions=True)


async def _run(
    claim: Claim,
    store: Store,
    watch: Watch,
    llms: dict[ModelRole, LLM],
    pool: SandboxPool | None,
    open_pool: OpenPool | None,
) -> Ending:
    """Do the work of `run` where `pool` is given, that of `judge_again` where `open_pool` is. Opens the models into
    `llms`, which the caller closes."""
    try:
        watch.spent_before = await _in_thread(store.spent, claim.batch_id)
        check_batch(claim, pool)
        meter = Meter(claim.batch, watch)
        for role, llm in opened_models(claim.batch):
            llms[role] = meter.over(llm)
        if claim.batch.panel and "judge" in llms:
            further = (meter.over(open_llm(endpoint, "judge")) for endpoint in claim.batch.panel)
            llms["judge"] = Panel([llms["judge"], *further])
        if pool is not None:
            await _in_thread(store.pin, claim.batch_id, claim.holder, pool.name)
    except StorageError as error:
        return Ending("paused", str(error))
    except TurnwrightError as error:
        return Ending("failed", str(error))
    heartbeat = asyncio.create_task(_heartbeat(claim, store, watch))
    try:
        if open_pool is not None:
            await _judge_again(claim, store, watch, llms, Replays(claim.batch, store, open_pool))
        elif pool is not None:
            await _work(claim, store, pool, watch, meter, llms)
    # These skip `_ending`, and so a pause or cancel that came meanwhile: store.release reads the command once more.
    except SandboxError as error:
        return Ending("paused", f"The sandbox stopped working: {error} Mend it, then resume.")
    except (StorageError, BudgetReached) as error:
        return Ending("paused", str(error))
    except TurnwrightError as error:
        return Ending("failed", str(error))
    finally:
        heartbeat.cancel()
        await asyncio.gather(heartbeat, return_exceptions=True)
    return _ending(watch)


def _ending(watch: Watch) -> Ending:
    """Return how the work ended. A batch with all its trajectories is done, even if a pause or cancel came
    meanwhile."""
    if watch.abort is not None and watch.abort.status == "lost":
        return watch.abort
    if watch.complete:
        return Ending("done", watch.notice())
    ending = watch.abort or watch.drain or Ending("queued", "The engine was stopped.")
    return Ending(ending.status, f"{ending.reason} {watch.notice()}".rstrip())


async def _work(
    claim: Claim, store: Store, pool: SandboxPool, watch: Watch, meter: Meter, llms: Mapping[ModelRole, LLM]
) -> None:
    """Execute the rollouts that are not stored yet and save them as they arrive. Raises what ends the batch."""
    batch = claim.batch
    done = await _in_thread(store.done_ids, claim.batch_id)
    watch.early = EarlyLook(batch.early_look, len(done), batch.expected_cost_usd)
    if len(done) < batch.trajectories:
        watch.check_budget(batch)
    parts = replace(parts_of(batch, claim.domains, pool, llms), spent=meter.spent, dropped=watch.drop)
    for domain in claim.domains.values():
        warm = environment_of(domain, None, commands=runs_commands(domain))
        await pool.prepare(warm, -(-batch.concurrency // len(claim.domains)))
    planned = await _in_thread(_planned_to_first, _remaining(claim, done))
    proving = ProvingAhead(_prove_task(parts), batch.concurrency // 2, batch.limits.seconds)
    specs = _handed_out(proving.over(planned), watch)
    results = LocalExecutor().run(_counting_rollout(watch, parts), specs, batch.concurrency)
    writer = _Writer(claim, store, watch)
    try:
        async with aclosing(_until_aborted(results, watch)) as arriving:
            async for trajectory in arriving:
                await writer.take(trajectory)
    finally:
        await proving.aclose()
        try:
            await writer.finish()
        finally:
            await _count_unstored(claim, store, watch)


async def _judge_again(
    claim: Claim, store: Store, watch: Watch, llms: Mapping[ModelRole, LLM], replays: Replays
) -> None:
    """Judge the stored trajectories that are left, and save what is found as it arrives. Raises what ends the batch."""
    waiting = await _in_thread(store.waiting_judgements, claim.batch_id)
    if waiting:
        watch.check_budget(claim.batch)
    numbers = _until_closing(waiting, watch)
    judge = _counting_judge(claim.batch, store, watch, llms, replays)
    results = LocalExecutor().run(judge, numbers, claim.batch.concurrency)
    found: dict[int, Judgement | None] = {}
    try:
        async with aclosing(_until_aborted(results, watch)) as arriving:
            async for one in arriving:
                found |= {} if one is None else {one[0]: one[1]}
                if found and (one is None or len(found) >= FLUSH_ROWS):
                    await _save_judgements(claim, store, watch, found)
    finally:
        try:
            await _save_judgements(claim, store, watch, found)
        finally:
            await _count_unstored(claim, store, watch)


def _until_closing(numbers: Sequence[int], watch: Watch) -> Iterator[int]:
    """Yield the numbers, until the batch is to end."""
    for number in numbers:
        if watch.closing:
            return
        yield number
    watch.all_handed_out = True


def _counting_judge(
    batch: Batch, store: Store, watch: Watch, llms: Mapping[ModelRole, LLM], replays: Replays
) -> Callable[[int], Awaitable[tuple[int, Judgement | None]]]:
    """Return the function that judges a stored trajectory again, by number, and gives None where it was deleted."""

    async def counted(number: int) -> tuple[int, Judgement | None]:
        watch.in_flight += 1
        judges = judges_of(batch, llms)
        try:
            trajectory = await _in_thread(store.stored_trajectory, number)
            if trajectory is not None:
                await replays.give(judges.values(), number, trajectory)
            found = None if trajectory is None else await _judged(trajectory, judges, batch)
        except BaseException:  # cancellation as well: what the calls took was spent
            watch.undelivered += [call for judge in judges.values() for call in getattr(judge, "calls", ())]
            raise
        finally:
            watch.in_flight -= 1
        if found is not None and trajectory is not None:
            watch.unsaved[str(number)] = found.calls
            if reason := watch.judges.see(found.over(trajectory, frozenset())):
                watch.drain = watch.drain or Ending("paused", reason)
        return number, found

    return counted


async def _judged(trajectory: Trajectory, judges: Mapping[str, Judge], batch: Batch) -> Judgement:
    """Return what the judges find; a fault of one of them leaves this trajectory unmeasured and the batch going on.
    Raises TurnwrightError, which is a fault of the batch."""
    try:
        return await judged_again(trajectory, judges, batch)
    except TurnwrightError:
        raise
    except Exception as error:
        return Judgement(
            status="unmeasured",
            outcome="unmeasured",
            culprit="infrastructure",
            stage="judged",
            reason="engine_fault",
            detail=f"{type(error).__name__}: {str(error)[:500]}",
            calls=tuple(call for judge in judges.values() for call in getattr(judge, "calls", ())),
        )


async def _save_judgements(claim: Claim, store: Store, watch: Watch, found: dict[int, Judgement | None]) -> None:
    """Save what was found, and empty `found`."""
    if not found:
        return
    await _in_thread(store.save_judgements, claim.batch_id, dict(found))
    for number in found:
        watch.unsaved.pop(str(number), None)
    found.clear()


async def _count_unstored(claim: Claim, store: Store, watch: Watch) -> None:
    """Add what the calls took that are in no stored trajectory to the batch's counters. While the database cannot be
    written (a full disk), try again until the engine stops."""
    calls = watch.unstored_calls()
    while calls:
        try:
            return await _in_thread(store.count_dropped, claim.batch_id, calls)
        except StorageError:
            if watch.stop.is_set():
                raise
            await asyncio.sleep(BEAT)


def _remaining(claim: Claim, done: set[str]) -> Iterator[RolloutSpec]:
    """Yield the specs of the plan that are not in `done`."""
    specs = plan(claim.batch, {d.digest: d for d in claim.domains.values()}, claim.personas)
    return (spec for spec in specs if spec.id not in done)


def _handed_out(specs: Iterator[RolloutSpec], watch: Watch) -> Iterator[RolloutSpec]:
    """Yield the specs until the batch is to end."""
    for spec in specs:
        if watch.closing:
            return
        yield spec
    watch.all_handed_out = True


def _prove_task(parts: Parts) -> Callable[[RolloutSpec], Awaitable[Proof]]:
    async def prove(spec: RolloutSpec) -> Proof:
        assert spec.task is not None
        return await proven(spec.task, parts.domains[spec.domain_digest], parts)

    return prove


def _planned_to_first(specs: Iterator[RolloutSpec]) -> Iterator[RolloutSpec]:
    """Return the same specs, the first one drawn ahead. In a large resumed batch this plans past all that is done,
    which takes long: call it in a thread."""
    return chain([first] if (first := next(specs, None)) is not None else [], specs)


def _counting_rollout(watch: Watch, parts: Parts) -> Callable[[RolloutSpec], Awaitable[Trajectory]]:
    """Return `rollout` over these parts, counted in `watch.in_flight` while it runs; too many that fail in a row abort
    the batch at once, before their trajectories are saved, so that no more than those in flight fail after them. Too
    many that no judge can measure let the dialogues in flight end: they are paid for and can be judged again."""
    breaker = Breaker()

    async def counted(spec: RolloutSpec) -> Trajectory:
        watch.in_flight += 1
        try:
            finished = await rollout(spec, parts)
        finally:
            watch.in_flight -= 1
        watch.unsaved[spec.id] = finished.calls
        if reason := breaker.see(finished):
            watch.abort = watch.abort or Ending("paused", reason)
        for reason in (watch.early.see(finished), watch.judges.see(finished)):
            if reason:
                watch.drain = watch.drain or Ending("paused", reason)
        return finished

    return counted


async def _until_aborted(results: AsyncIterator[Value], watch: Watch) -> AsyncGenerator[Value | None]:
    """Yield results as they finish, and None every FLUSH_SECONDS without one, so that the writer can save. On
    abort or stop, and when closed, cancel the rollouts in flight and wait for them."""
    stopping = asyncio.create_task(_abort_or_stop(watch))
    following: asyncio.Future[Value] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(results))
            either: set[asyncio.Future[Any]] = {following, stopping}
            await asyncio.wait(either, timeout=FLUSH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():  # else its result is paid for: yield it before looking at `stopping`
                if stopping.done():
                    return
                yield None
                continue
            arrived, following = following, None
            try:
                yield arrived.result()
            except StopAsyncIteration:
                watch.complete = watch.all_handed_out
                return
    finally:
        pending = [future for future in (following, stopping) if future is not None]
        for future in pending:
            future.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await results.aclose()  # type: ignore[attr-defined]


async def _abort_or_stop(watch: Watch) -> None:
    """Return once the batch is to end without waiting for its rollouts."""
    while watch.abort is None and not watch.stop.is_set():
        await asyncio.sleep(0.05)


class _Writer:
    """Saves trajectories in the background, one transaction at a time and in order, while rollouts go on.

    Trajectories that could not be saved are put back in front of the others; `finish` tries once more, then raises.
    """

    def __init__(self, claim: Claim, store: Store, watch: Watch) -> None:
        self._claim, self._store, self._watch = claim, store, watch
        self._rows: list[Trajectory] = []
        self._saving: asyncio.Task[None] | None = None
        self._began = time.monotonic()

    async def take(self, trajectory: Trajectory | None) -> None:
        """Take a finished trajectory, or None when there was none for a while, and begin to save when that is due.

        Waits only while far more is unsaved than one transaction takes. Raises the StorageError of an earlier save.
        """
        if trajectory is not None:
            self._rows.append(trajectory)
        if self._saving is not None:
            if not self._saving.done() and len(self._rows) < 4 * FLUSH_ROWS:
                return
            await self._finish_save()
        if self._rows and (len(self._rows) >= FLUSH_ROWS or time.monotonic() - self._began > FLUSH_SECONDS):
            self._began = time.monotonic()
            self._saving = asyncio.create_task(self._save())

    async def finish(self) -> None:
        """Save the rest. Raises StorageError."""
        with suppress(StorageError):  # `_save` tries the same rows again and raises if that fails too
            await self._finish_save()
        await self._save()

    async def _finish_save(self) -> None:
        """Wait for the save that is under way, if one is. Raises its StorageError."""
        saving, self._saving = self._saving, None
        if saving is not None:
            await saving

    async def _save(self) -> None:
        """Save the unsaved trajectories, and count them for the notice about the endpoints."""
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            await _in_thread(self._store.save, self._claim.batch_id, rows)
        except BaseException:  # a cancelled thread may still commit; Store.save skips what is stored already
            self._rows[:0] = rows
            raise
        for trajectory in rows:
            self._watch.saved(trajectory)


async def _heartbeat(claim: Claim, store: Store, watch: Watch) -> None:
    """Renew the claim every second and obey the commands that pages gave meanwhile.

    A database that cannot be written for a moment is tried again. When the disk is full, the claim could not be renewed
    for PAUSE_OWN seconds, or the heartbeat itself fails, the batch is paused here, before another engine may take it
    over.
    """
    renewed, told = time.monotonic(), ""
    while True:
        try:
            command = await _in_thread(store.heartbeat, claim.batch_id, claim.holder, time.time(), watch.in_flight)
            renewed = time.monotonic()
            _obey(command, watch)
            if (notice := watch.early.notice()) != told and command != "lost":
                await _in_thread(store.note, claim.batch_id, claim.holder, notice)
                told = notice
        except StorageError as error:
            if error.full or time.monotonic() - renewed > PAUSE_OWN:
                watch.abort = Ending("paused", str(error))
                return
        except Exception as error:  # unforeseen; without heartbeats a second engine would join this one
            watch.abort = Ending("paused", f"The heartbeat failed: {type(error).__name__}: {error}. Resume the batch.")
            return
        if watch.abort is None and claim.batch.budget.seconds is not None:
            watch.drain_if_over_budget(claim.batch)
        await asyncio.sleep(BEAT)


def _obey(command: str | None, watch: Watch) -> None:
    if command == "pause":
        watch.drain = watch.drain or Ending("paused", "Paused by hand.")
    elif command == "cancel":
        watch.abort = Ending("cancelled", "Cancelled by hand.")
    elif command == "lost":
        watch.abort = Ending("lost", "Another engine took the batch over.")


async def _in_thread(function: Callable[..., Value], *arguments: Any) -> Value:
    """Return what a blocking function returns, called in a thread so that no rollout waits for the disk."""
    return await asyncio.to_thread(function, *arguments)
