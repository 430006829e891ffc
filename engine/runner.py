"""One batch: plan, minus done, execute, save. The only writer of trajectories.

Results are saved in small transactions as they arrive, so a crash loses only what was in flight. Pause and a reached
budget let the rollouts in flight finish; cancel and the stop of the engine do not wait for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

from engine import plugins, settings
from engine.curate import decide
from engine.errors import BudgetReached, InputError, ModelError, SandboxError, StorageError, TurnwrightError
from engine.llms._open import open_llm
from engine.planner import plan
from engine.protocols import LLM, Claim, SandboxPool, Store, ToolSource
from engine.rollout import Parts, environment_of, rollout
from engine.types import Batch, Domain, ModelRole, RolloutSpec, Trajectory

FLUSH_SECONDS = 0.25
FLUSH_ROWS = 64
BEAT_SECONDS = 1.0
SILENT_SECONDS = 8.0
IGNORED_AFTER = 10
Value = TypeVar("Value")


@dataclass(frozen=True)
class Ending:
    """How the work on a batch ended: the status to release it with, and the reason for the reader."""

    status: str
    reason: str = ""


@dataclass
class _Watch:
    """What the runner keeps an eye on while rollouts fly. `planned`: every spec was handed out; `whole`: and every
    one gave its result."""

    stop: asyncio.Event
    flying: int = 0
    drain: Ending | None = None
    abort: Ending | None = None
    tokens: int = 0
    cost: float = 0.0
    before: tuple[int, float | None, float] = (0, None, 0.0)
    started: float = field(default_factory=time.monotonic)
    planned: bool = False
    whole: bool = False
    teacher: _TeacherWatch = field(default_factory=lambda: _TeacherWatch())

    @property
    def closing(self) -> bool:
        return self.drain is not None or self.abort is not None or self.stop.is_set()


@dataclass
class _TeacherWatch:
    """Notices an endpoint that drops `tools`, or whose calls come as text, since no single rollout can tell."""

    needing: int = 0
    calling: int = 0
    as_text: int = 0

    def see(self, trajectory: Trajectory) -> None:
        """Count a rollout in which the reference needs a call and the teacher answered."""
        calls = [call for call in trajectory.calls if call.role == "teacher"]
        proof = trajectory.proof
        if not calls or proof is None or not any(turn.calls for turn in proof.turns):
            return
        self.needing += 1
        self.calling += any(turn.tool_calls for turn in trajectory.turns)
        self.as_text += sum(call.text_calls for call in calls)

    def notice(self) -> str:
        """Return what the reader should know of the endpoint, or nothing."""
        if self.needing >= IGNORED_AFTER and not self.calling:
            return (
                f"The teacher made no call in any of {self.needing} rollouts that needed one: its endpoint may ignore "
                "tools. Make a test call under Settings, and check the server's chat template and tool parser."
            )
        if self.as_text:
            return f"{self.as_text} calls of the teacher came as text: check the tool parser of its server."
        return ""


async def run(claim: Claim, store: Store, pool: SandboxPool, stop: asyncio.Event) -> Ending:
    """Work on a claimed batch until it is done or must end; return how. The caller releases the claim.

    Never raises for what concerns the batch: a missing key or domain gives `failed`, a gone sandbox backend, a full
    disk or a reached budget gives `paused`, each with the next move in the reason.
    """
    watch = _Watch(stop)
    try:
        watch.before = await _off_loop(store.spent, claim.batch_id)
        check_batch(claim, pool)
        llms = _open_models(claim.batch)
    except StorageError as error:
        return Ending("paused", str(error))
    except TurnwrightError as error:
        return Ending("failed", str(error))
    beating = asyncio.create_task(_beat(claim, store, watch))
    try:
        await _work(claim, store, pool, watch, llms)
    except SandboxError as error:
        return Ending("paused", f"The sandbox stopped working: {error} Mend it, then resume.")
    except StorageError as error:
        return Ending("paused", f"{error}")
    except ModelError as error:
        return Ending("failed", f"{error}")
    except TurnwrightError as error:
        return Ending("failed", str(error))
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await asyncio.gather(*(llm.aclose() for llm in llms.values()), return_exceptions=True)
    return _ending(watch)


def _ending(watch: _Watch) -> Ending:
    """Return how the work ended; a batch that is whole is done, whatever was asked of it meanwhile."""
    if watch.abort is not None and watch.abort.status == "lost":
        return watch.abort
    if watch.whole:
        return Ending("done", watch.teacher.notice())
    ending = watch.abort or watch.drain or Ending("queued", "The engine was stopped.")
    return Ending(ending.status, f"{ending.reason} {watch.teacher.notice()}".rstrip())


def check_batch(claim: Claim, pool: SandboxPool) -> None:
    """Raise InputError or ModelError when the batch cannot start here, naming what to mend."""
    batch = claim.batch
    for role, endpoint in batch.models.items():
        if endpoint.key_variable and settings.key(endpoint.key_variable) is None:
            raise ModelError(
                "auth",
                f"models.{role}: the environment variable {endpoint.key_variable} is not set. Set it to the key of "
                f"{endpoint.model} and start the engine again, or choose another variable under Settings.",
            )
    for domain in claim.domains.values():
        risky = any(source_of(tool.source).commands for tool in domain.tools)
        if risky and not pool.isolated and batch.teacher != "reference" and not batch.allow_unisolated_commands:
            raise InputError(
                "sandbox",
                f"{domain.id} lets the model execute commands, and the {pool.name} sandbox does not isolate them.",
                "Use the docker sandbox, or allow commands without isolation in the batch form.",
            )


async def _work(claim: Claim, store: Store, pool: SandboxPool, watch: _Watch, llms: Mapping[ModelRole, LLM]) -> None:
    """Execute what is not done yet and save it as it arrives. Raises what ends the batch."""
    batch = claim.batch
    parts = parts_of(batch, claim.domains, pool, llms)
    for domain in claim.domains.values():
        commands = any(parts.sources[tool.source].commands for tool in domain.tools)
        warm = environment_of(domain, None, commands=commands)
        await pool.prepare(warm, -(-batch.concurrency // len(claim.domains)))
    done = await _off_loop(store.done_ids, claim.batch_id)
    executor = plugins.load("executors", "local")
    specs = await _off_loop(_past_done, _remaining(claim, done, watch))
    results = executor.make(executor.config()).run(_counted(watch, parts), specs, batch.concurrency)
    buffer: list[Trajectory] = []
    flushed = time.monotonic()
    try:
        async with aclosing(_until_aborted(results, watch)) as arriving:
            async for trajectory in arriving:
                if trajectory is not None:
                    buffer.append(trajectory)
                if len(buffer) >= FLUSH_ROWS or time.monotonic() - flushed > FLUSH_SECONDS:
                    await _save(claim, store, watch, buffer)
                    flushed = time.monotonic()
    finally:
        await _save(claim, store, watch, buffer)


def _remaining(claim: Claim, done: set[str], watch: _Watch) -> Iterator[RolloutSpec]:
    for spec in plan(claim.batch, {d.digest: d for d in claim.domains.values()}, claim.personas):
        if watch.closing:
            return
        if spec.id not in done:
            yield spec
    watch.planned = True


def _past_done(specs: Iterator[RolloutSpec]) -> Iterator[RolloutSpec]:
    """Plan up to the first spec that is not done. Of a large resumed batch that takes a while: call it in a thread."""
    return chain([first] if (first := next(specs, None)) is not None else [], specs)


def _counted(watch: _Watch, parts: Parts) -> Callable[[RolloutSpec], Any]:
    async def work(spec: RolloutSpec) -> Trajectory:
        watch.flying += 1
        try:
            return await rollout(spec, parts)
        finally:
            watch.flying -= 1

    return work


async def _until_aborted(results: AsyncIterator[Trajectory], watch: _Watch) -> AsyncGenerator[Trajectory | None]:
    """Yield results as they come, and None as a flush point while none does; on abort or stop, and when closed,
    cancel what is in flight and wait for it."""
    stopping = asyncio.create_task(_aborted(watch))
    following: asyncio.Future[Trajectory] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(results))
            either: set[asyncio.Future[Any]] = {following, stopping}
            await asyncio.wait(either, timeout=FLUSH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                if stopping.done():
                    return
                yield None
                continue
            arrived, following = following, None
            try:
                yield arrived.result()
            except StopAsyncIteration:
                watch.whole = watch.planned
                return
    finally:
        pending = [future for future in (following, stopping) if future is not None]
        for future in pending:
            future.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await results.aclose()  # type: ignore[attr-defined]


async def _aborted(watch: _Watch) -> None:
    while watch.abort is None and not watch.stop.is_set():
        await asyncio.sleep(0.05)


async def _save(claim: Claim, store: Store, watch: _Watch, buffer: list[Trajectory]) -> None:
    """Save and empty the buffer, then see whether a budget is reached."""
    if not buffer:
        return
    rows = list(buffer)
    await _off_loop(store.save, claim.batch_id, rows)
    buffer.clear()
    for trajectory in rows:
        watch.teacher.see(trajectory)
        for call in trajectory.calls:
            watch.tokens += (call.prompt_tokens or 0) + (call.completion_tokens or 0)
            watch.cost += call.cost_usd or 0.0
    try:
        _check_budget(claim.batch, watch)
    except BudgetReached as error:
        watch.drain = watch.drain or Ending("paused", str(error))


def _check_budget(batch: Batch, watch: _Watch) -> None:
    tokens, cost, seconds = watch.before
    spent: list[tuple[str, float, float | None, str]] = [
        ("tokens", tokens + watch.tokens, batch.budget.tokens, ""),
        ("cost", (cost or 0.0) + watch.cost, batch.budget.cost_usd, " dollars"),
        ("time", seconds + time.monotonic() - watch.started, batch.budget.seconds, " s"),
    ]
    for name, value, bound, unit in spent:
        if bound is not None and value >= bound:
            raise BudgetReached(f"The {name} budget of {bound:g}{unit} is reached. Raise it, then resume.")


async def _beat(claim: Claim, store: Store, watch: _Watch) -> None:
    """Renew the claim every second and take the commands of the pages. A database that is busy for a moment is
    passed over; one that stays away, or a full disk, pauses the batch before another engine takes it."""
    renewed = time.monotonic()
    while True:
        try:
            command = await _off_loop(store.heartbeat, claim.batch_id, claim.holder, time.time(), watch.flying)
            renewed = time.monotonic()
            _obey(command, watch)
        except StorageError as error:
            if error.full or time.monotonic() - renewed > SILENT_SECONDS:
                watch.abort = Ending("paused", str(error))
                return
        if watch.abort is None and claim.batch.budget.seconds is not None:
            try:
                _check_budget(claim.batch, watch)
            except BudgetReached as error:
                watch.drain = watch.drain or Ending("paused", str(error))
        await asyncio.sleep(BEAT_SECONDS)


def _obey(command: str | None, watch: _Watch) -> None:
    if command == "pause":
        watch.drain = watch.drain or Ending("paused", "Paused by hand.")
    elif command == "cancel":
        watch.abort = Ending("cancelled", "Cancelled by hand.")
    elif command == "lost":
        watch.abort = Ending("lost", "Another engine took the batch over.")


# ---------------------------------------------------------------- wiring


def source_of(name: str) -> ToolSource:
    """Return a tool source by plug-in name."""
    plugin = plugins.load("tools", name)
    source: ToolSource = plugin.make(plugin.config())
    return source


def _open_models(batch: Batch) -> dict[ModelRole, LLM]:
    used: set[ModelRole] = set()
    used |= {"teacher"} if batch.teacher == "llm" else set()
    used |= {"user"} if batch.user == "llm" else set()
    used |= {"judge"} if "rubric" in batch.judges else set()
    return {role: open_llm(endpoint, role) for role, endpoint in batch.models.items() if role in used}


def parts_of(batch: Batch, domains: Mapping[str, Domain], pool: SandboxPool, llms: Mapping[ModelRole, LLM]) -> Parts:
    """Wire what the rollouts of a batch share. Raises InputError for an unknown plug-in."""
    teacher, user = plugins.load("teachers", batch.teacher), plugins.load("users", batch.user)
    domains = {domain.digest: domain for domain in domains.values()}
    names = {tool.source for domain in domains.values() for tool in domain.tools}

    def player(plugin: plugins.Plugin, role: ModelRole) -> Callable[..., Any]:
        config = plugin.config()
        return lambda spec, proof: plugin.make(
            config, llm=llms.get(role), task=spec.task, proof=proof, persona=spec.persona, seed=spec.seed
        )

    return Parts(
        batch=batch,
        fingerprint=batch.fingerprint,
        domains=domains,
        pool=pool,
        sources={name: source_of(name) for name in names},
        teacher=player(teacher, "teacher"),
        user=player(user, "user"),
        judges=lambda: judges_of(batch, llms),
        curate=decide,
        now=time.time,
        llms=llms,
    )


def judges_of(batch: Batch, llms: Mapping[ModelRole, LLM]) -> dict[str, Any]:
    """Return fresh judges by name; the rubric judge gets the judge model and the batch's rubric."""
    found: dict[str, Any] = {}
    for name in batch.judges:
        plugin = plugins.load("judges", name)
        more = {"llm": llms["judge"], "rubric": batch.rubric} if name == "rubric" else {}
        found[name] = plugin.make(plugin.config(), **more)
    return found


async def _off_loop(function: Callable[..., Value], *arguments: Any) -> Value:
    """Call blocking storage in a thread, so that no rollout waits for the disk."""
    return await asyncio.to_thread(function, *arguments)
