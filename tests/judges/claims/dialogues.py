"""Plays the reference over the shipped packs: the dialogues in which the labelled answers are said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from engine.domains import catalog
from engine.planning import tasks
from engine.protocols import SandboxPool
from engine.rolling.rollout import rollout
from engine.settings import CATALOG
from engine.types import MODES, Domain, Mode, Persona, RolloutSpec, Trajectory
from tests.engine_parts import batch_of, wired

TESTER = Persona(
    id="tester",
    name="Tess",
    occupation="tester",
    goal_style="direct",
    tone="plain",
    expertise="expert",
    patience=6,
    disclosure="everything_at_once",
    description="Says what she wants.",
)


def packs() -> list[Domain]:
    return sorted(map(catalog.parse, catalog.shipped(CATALOG)), key=lambda domain: domain.id)


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
                spec = RolloutSpec(
                    id=f"{template.id}-{mode}-{seed}",
                    index=0,
                    attempt=0,
                    domain=domain.id,
                    domain_digest=domain.digest,
                    persona=TESTER,
                    task=task,
                    seed=task.seed,
                    mode=mode,
                )
                yield await rollout(spec, parts)
