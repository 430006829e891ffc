"""Whole rollouts against a model server, for bench.model_path: claimed, run, judged and stored as in the engine."""

from __future__ import annotations

import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import plugins
from engine.domains import catalog, pack_files
from engine.planning.planner import plan
from engine.protocols import LLM, SandboxPool
from engine.rolling.parts import environment_of
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.running.runner import run
from engine.running.wiring import parts_of
from engine.types import USUAL_MODE, Batch, Claim, Completion, DomainShare, Endpoint, Persona, Sampling, Tool, Turn
from storage.database import Database, open_database
from storage.designing.domains import save_domain
from storage.designing.personas import save_persona
from storage.generating.batches import create_batch
from storage.serving.store import SqlStore

PACK = Path(__file__).resolve().parent.parent / "tests" / "packs" / "ledger"
CALLS_PER_ROLLOUT = 6
"""Model calls of one dialogue: two of the user, three of the teacher (two tool calls, one answer), one of the judge."""
PERSONA = Persona(
    id="bench",
    name="Bench",
    occupation="clerk",
    goal_style="direct",
    tone="plain",
    expertise="intermediate",
    patience=3,
    disclosure="everything_at_once",
    description="Wants figures.",
)


@dataclass(frozen=True)
class Request:
    """What one model call of a rollout asks for."""

    messages: tuple[Turn, ...]
    tools: tuple[Tool, ...]
    schema: dict[str, Any] | None


class Recording:
    """An LLM that records its requests and passes them on to another one."""

    def __init__(self, llm: LLM, kept: list[Request]) -> None:
        self._llm, self._kept = llm, kept

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Completion:
        self._kept.append(Request(tuple(messages), tuple(tools), response_schema))
        return await self._llm.complete(
            messages, tools, response_schema=response_schema, sampling=sampling, states=states
        )

    async def aclose(self) -> None:
        await self._llm.aclose()


async def requests_of_one(base: str) -> list[Request]:
    """Return the model requests of one rollout, which the bare peers then make as well."""
    batch, kept = _batch(base, "openai_compatible", 1, 1), list[Request]()
    domain = catalog.parse(_files())
    batch = batch.model_copy(update={"domains": (batch.domains[0].model_copy(update={"digest": domain.digest}),)})
    llms = {role: Recording(open_llm(endpoint, role), kept) for role, endpoint in batch.models.items()}
    sandboxes = plugins.load("sandboxes", "local")
    pool: SandboxPool = sandboxes.make(sandboxes.config(most=2, warm=1))
    await pool.start()
    try:
        spec = next(plan(batch, {domain.digest: domain}, [PERSONA]))
        found = await rollout(spec, parts_of(batch, {domain.id: domain}, pool, llms))
    finally:
        await pool.aclose()
        await asyncio.gather(*(llm.aclose() for llm in llms.values()))
    if found.status != "kept" or len(kept) != CALLS_PER_ROLLOUT:
        raise SystemExit(f"The rollout was {found.status} after {len(kept)} calls: {found.detail}")
    return kept


async def roll(base: str, plugin: str, flying: int, rounds: int) -> tuple[int, float, float]:
    """Return (model calls, seconds, CPU seconds of this process) of a batch with `flying` rollouts in flight.

    The batch has one dialogue for each slot in flight and two rounds: as the slots fill in its first second and empty
    in its last one, a short batch would show mostly these. Before it, all sandboxes start and a batch of one dialogue
    for each slot runs, so that sandboxes and connections are warm.
    """
    trajectories = max(2, rounds // 2) * flying
    with tempfile.TemporaryDirectory() as folder:
        db = open_database(f"sqlite:///{folder}/bench.db")
        stock(db)
        sandboxes = plugins.load("sandboxes", "local")
        pool: SandboxPool = sandboxes.make(sandboxes.config(most=flying + 2, warm=min(256, flying)))
        await pool.start()
        try:
            await _warm(pool, flying)
            await _measure(db, pool, _batch(base, plugin, flying, flying))
            return await _measure(db, pool, _batch(base, plugin, trajectories, flying))
        finally:
            await pool.aclose()
            db.close()


async def _warm(pool: SandboxPool, flying: int) -> None:
    """Start as many sandboxes as there will be rollouts in flight."""
    environment = environment_of(catalog.parse(_files()), None, commands=False)
    await pool.prepare(environment, flying)
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(pool.lease(environment)) for _ in range(flying)))


async def _measure(db: Database, pool: SandboxPool, batch: Batch) -> tuple[int, float, float]:
    claim, store = claimed(db, batch)
    started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    ending = await run(claim, store, pool, asyncio.Event())
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    progress = store.progress(claim.batch_id)
    store.release(claim.batch_id, claim.holder, ending.status, ending.reason)
    if ending.status != "done" or progress.kept != batch.trajectories:
        raise SystemExit(f"The batch ended {ending.status} {ending.reason}: {progress}")
    return progress.kept * CALLS_PER_ROLLOUT, seconds, cpu


def claimed(db: Database, batch: Batch) -> tuple[Claim, SqlStore]:
    """Queue a batch and claim it, as the studio and an engine do."""
    store = SqlStore(db)
    create_batch(db, batch)
    claim = store.claim("bench", time.time(), 60.0)
    assert claim is not None
    return claim, store


def _batch(base: str, plugin: str, trajectories: int, flying: int) -> Batch:
    model = "openai/bench" if plugin == "litellm" else "bench"
    endpoint = Endpoint(model=model, llm=plugin, api_base=base, timeout=60)
    return Batch(
        name="bench",
        domains=(DomainShare(id="ledger", templates=("compare",)),),
        trajectories=trajectories,
        attempts=4,
        modes={USUAL_MODE: 1.0},
        turns={1: 1.0},
        teacher="llm",
        user="llm",
        models={"teacher": endpoint, "user": endpoint, "judge": endpoint},
        judges=("rules", "state", "facts", "rubric"),
        sandbox="local",
        concurrency=flying,
    )


def _files() -> dict[str, bytes]:
    """Return the ledger pack with enough accounts for thousands of different tasks."""
    accounts = {
        f"A-{number}": {"owner": f"Owner {number // 20}", "label": "daily", "balance": 10 + number, "note": ""}
        for number in range(300)
    }
    return pack_files.read_folder(PACK) | {"workspace/accounts.json": json.dumps({"accounts": accounts}).encode()}


def stock(db: Database) -> None:
    """Store the pack and one persona."""
    save_domain(db, _files(), based_on=None)
    save_persona(db, PERSONA, None)
