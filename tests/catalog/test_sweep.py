"""Every shipped pack proves in every mode that it serves, in single and in composed dialogues, under many seeds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.domains import catalog, pack_files
from engine.domains.sources import sources_of
from engine.planning.tasks import Rejected, sample
from engine.protocols import SandboxPool
from engine.rolling.parts import environment_of
from engine.rolling.prove import prove
from engine.serving.choice import open_pool
from engine.settings import CATALOG
from engine.types import MODES, Domain, Mode

PACKS = {domain.id: domain for domain in map(catalog.parse, pack_files.shipped(CATALOG))}
COMMANDS = frozenset({"code_repair"})
"""Packs whose tools run commands: each proof needs a sandbox of its own, which takes longer."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


async def _swept(domain: Domain, modes: tuple[Mode, ...], turns: int, seeds: range, pool: SandboxPool) -> int:
    """Prove a task for each mode and seed and return how many there were; all but rare refusals to draw must prove."""
    proven, undrawn, sources = 0, [], sources_of(domain)
    for mode in modes:
        for seed in seeds:
            try:
                task = sample(domain, mode=mode, turns=turns, seed=seed)
            except Rejected as error:
                undrawn.append(str(error))
                continue
            async with pool.lease(environment_of(domain, task.variant, commands=domain.id in COMMANDS)) as sandbox:
                proof = await prove(task, domain, sandbox, sources)
            assert proof.reason is None, (mode, seed, task.templates, proof.detail)
            assert len(proof.turns) == turns
            made = [entry.call for turn in proof.turns for group in turn.calls for entry in group]
            checked = [json.dumps(call.arguments, sort_keys=True) for call in made if call.name in domain.identity]
            assert len(set(checked)) == len(checked), (mode, seed, task.templates)
            proven += 1
    assert len(undrawn) <= proven / 10, undrawn
    return proven


@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("name", sorted(PACKS.keys() - COMMANDS))
async def test_every_mode_proves(name: str, turns: int, pool: SandboxPool) -> None:
    assert await _swept(PACKS[name], MODES, turns, range(6), pool) >= 50


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_a_pack_that_runs_commands_proves(name: str, pool: SandboxPool) -> None:
    assert await _swept(PACKS[name], ("dependent", "no_tool"), 3, range(1), pool) == 2


@pytest.mark.slow
@pytest.mark.parametrize("turns", [1, 2, 3, 4])
@pytest.mark.parametrize("name", sorted(PACKS))
async def test_many_seeds_prove(name: str, turns: int, pool: SandboxPool) -> None:
    seeds = range(100, 101 if name in COMMANDS else 104)
    assert await _swept(PACKS[name], MODES, turns, seeds, pool) >= 8 * len(seeds)
