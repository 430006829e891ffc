"""Plays the reference over the shipped packs: the dialogues in which the labelled answers are said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from engine.domains import catalog, pack_files
from engine.planning import tasks
from engine.protocols import SandboxPool
from engine.rolling.rollout import rollout
from engine.settings import CATALOG
from engine.types import MODES, Domain, Mode, Trajectory
from tests.engines import wired
from tests.samples.batches import batch_of, spec_of
from tests.samples.personas import TESS


def packs() -> list[Domain]:
    return sorted(map(catalog.parse, pack_files.shipped(CATALOG)), key=lambda domain: domain.id)


async def played(
    domain: Domain, pool: SandboxPool, modes: Sequence[Mode] = MODES, seeds: Sequence[int] = (1,)
) -> AsyncIterator[Trajectory]:
    """Yield a reference rollout for each template, mode that serves it, and seed."""
    parts = wired(batch_of(domain), domain, pool)
    for template in domain.templates:
        for mode in modes:
            for seed in seeds:
                try:
                    task = tasks.sample(domain, mode=mode, turns=len(template.turns), seed=seed, only=[template.id])
                except tasks.Rejected:
                    continue
                spec = spec_of(domain, TESS, task, mode, id=f"{template.id}-{mode}-{seed}")
                yield await rollout(spec, parts)
