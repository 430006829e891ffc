"""Example batches, and single rollouts of one."""

from __future__ import annotations

from typing import Any

from engine.types import Batch, Domain, DomainShare, Mode, Persona, RolloutSpec, Task


def batch_of(domain: Domain | str, **changes: Any) -> Batch:
    """Return a small batch over one domain: pinned to its digest, or to no version where only the id is given."""
    share = DomainShare(id=domain) if isinstance(domain, str) else DomainShare(id=domain.id, digest=domain.digest)
    return Batch.model_validate({"name": "test", "domains": [share], "trajectories": 6, **changes})


def spec_of(domain: Domain, persona: Persona, task: Task, mode: Mode, *, id: str) -> RolloutSpec:
    """Return the first attempt at a task, with the seed of the task."""
    return RolloutSpec(
        id=id,
        index=0,
        attempt=0,
        domain=domain.id,
        domain_digest=domain.digest,
        persona=persona,
        task=task,
        seed=task.seed,
        mode=mode,
    )
