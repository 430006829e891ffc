"""Plans the tasks of a batch and proves each by the reference: only what earns the full reward is packaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.environments.contents import Contents, PackagedTask, replies_of, without_models
from engine.errors import InputError
from engine.executors.local import LocalExecutor
from engine.planning.planner import plan
from engine.protocols import SandboxPool
from engine.rolling.rollout import rollout
from engine.running.wiring import parts_of
from engine.types import Batch, Domain, Persona, RolloutSpec, Trajectory


@dataclass(frozen=True)
class Proven:
    """The contents of a package, and why other tasks of the batch are not in it, with their numbers."""

    contents: Contents
    left_out: Mapping[str, int]


async def proven_tasks(
    batch: Batch, domains: Mapping[str, Domain], digest: str, personas: Sequence[Persona], pool: SandboxPool
) -> Proven:
    """Return the tasks that a batch plans for the domain version with this digest, each with its proof.

    `domains` are those of the batch by digest. Of several attempts at one task the first counts. Raises InputErrors
    where the batch cannot be planned, InputError where no task is left, and SandboxError.
    """
    specs = [one for one in plan(batch, domains, personas) if one.domain_digest == digest and one.attempt == 0]
    played = without_models(batch)
    reference = played.model_copy(update={"limits": batch.limits, "keep_failures": False, "min_reward": 0.0})
    parts = parts_of(reference, {digest: domains[digest]}, pool, {})

    async def played_by_reference(spec: RolloutSpec) -> tuple[RolloutSpec, Trajectory]:
        return spec, await rollout(spec, parts)

    found: list[PackagedTask] = []
    left_out: Counter[str] = Counter()
    async for spec, trajectory in LocalExecutor().run(played_by_reference, specs, batch.concurrency):
        if trajectory.status == "kept" and trajectory.reward == 1.0 and trajectory.proof is not None:
            found.append(PackagedTask(spec=spec, proof=trajectory.proof, replies=replies_of(trajectory)))
        else:
            left_out[trajectory.reason or "reward_below_1"] += 1
    if not found:
        why = ", ".join(f"{number} by {reason}" for reason, number in left_out.items())
        raise InputError("tasks", f"none is proven ({why}).", "Prove the templates of the domain first.")
    found.sort(key=lambda one: one.spec.index)
    return Proven(Contents(domains[digest], played, found), dict(left_out))
