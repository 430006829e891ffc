"""What all rollouts of one batch share: domains, tool sources, the sandbox pool, and the makers of players and
judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.judging.steadiness import Steadiness
from engine.protocols import Judge, SandboxPool, Teacher, ToolSource, User
from engine.rolling.proofs import Proofs
from engine.types import Batch, Domain, Environment, ModelCall, Proof, RolloutSpec, Task, Trajectory


def _as_it_is(call: ModelCall) -> ModelCall:
    return call


def _nobody_counts(spec: RolloutSpec, calls: Sequence[ModelCall]) -> None:
    """Do nothing: outside of a batch."""


@dataclass(frozen=True)
class Parts:
    """Wired once per batch by engine/running/wiring.py. `teacher`, `user` and `judges` make fresh ones per rollout."""

    batch: Batch
    fingerprint: str
    """The fingerprint of the batch."""
    domains: Mapping[str, Domain]
    """By digest."""
    pool: SandboxPool
    sources: Mapping[str, Mapping[str, ToolSource]]
    """The opened tool sources by the digest of their domain, then by name."""
    teacher: Callable[[RolloutSpec, Proof], Teacher]
    user: Callable[[RolloutSpec, Proof], User]
    judges: Callable[[], Mapping[str, Judge]]
    curate: Callable[[Trajectory, Batch], Trajectory]
    """Decides whether the batch keeps a scored trajectory (engine/judging/keep.py)."""
    now: Callable[[], float]
    """The clock, in epoch seconds."""
    spent: Callable[[ModelCall], ModelCall] = _as_it_is
    """Counts a model call that was broken off against the budget, and returns it priced."""
    dropped: Callable[[RolloutSpec, Sequence[ModelCall]], None] = _nobody_counts
    """Takes the model calls of a rollout that gives no trajectory."""
    proofs: Proofs = field(default_factory=Proofs)
    steadiness: Steadiness = field(default_factory=Steadiness)
    environments: dict[tuple[str, str | None, bool], Environment] = field(default_factory=dict)

    def environment(self, task: Task, digest: str) -> Environment:
        """Return the environment in which a task of the domain with this digest is played. Made once, then reused."""
        domain = self.domains[digest]
        commands = any(self.sources[digest][tool.source].commands for tool in task.tools)
        key = (digest, task.variant, commands)
        if key not in self.environments:
            self.environments[key] = environment_of(domain, task.variant, commands=commands)
        return self.environments[key]


def environment_of(domain: Domain, variant: str | None, *, commands: bool) -> Environment:
    """Return the environment of a domain, with a variant of its workspace if one is named. Environments with equal keys
    may share a warm sandbox."""
    return Environment(
        workspace=domain.workspace(variant),
        modules=domain.tool_modules(),
        limits=domain.limits,
        git=domain.git,
        network=domain.network,
        commands=commands,
        key=f"{domain.digest}:{variant}:{commands}",
    )
