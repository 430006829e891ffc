"""One try at a rollout: what it has collected so far, and the Trajectory that becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine.hygiene.findings import Finding
from engine.hygiene.user_guard import UserGuard
from engine.protocols import Judge, Teacher, ToolSource, User
from engine.reading.json_value import leaves
from engine.rolling.parts import Parts
from engine.stopwatch import Stopwatch
from engine.types import (
    EARLIER_RUNS,
    Attachment,
    Culprit,
    Domain,
    End,
    Execution,
    ModelCall,
    Proof,
    RolloutSpec,
    StateDiff,
    Task,
    Trajectory,
    Turn,
    Unresolved,
)


@dataclass
class Attempt:
    """The state of one try, filled in as the rollout goes on, so that a fault half-way loses none of it.

    A rollout is tried again after a sandbox fault. This is not `RolloutSpec.attempt`, which counts the independent
    rollouts of one task.
    """

    spec: RolloutSpec
    parts: Parts
    started: float
    """When the first try began (epoch seconds)."""
    retries: int = 0
    earlier: tuple[ModelCall, ...] = ()
    """Model calls of earlier tries and runs."""
    spoiled: tuple[dict[str, Any], ...] = ()
    """What became of the earlier runs, as the attachment EARLIER_RUNS holds it."""
    unanswered: list[ModelCall] = field(default_factory=list)
    """Model calls of this try that gave no reply."""
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    proof: Proof | None = None
    sources_before: Mapping[str, Any] = field(default_factory=dict)
    """The state of the domain's tool sources when the sandbox was opened (source_states)."""
    turns: list[Turn] = field(default_factory=list)
    players: tuple[Teacher | User, ...] = ()
    judges: Mapping[str, Judge] = field(default_factory=dict)
    """Those that score the dialogue, once it has ended."""
    end: End = "not_started"
    diff: StateDiff | None = None
    tests_passed: bool | None = None
    begun: list[int] = field(default_factory=list)
    """The index in `turns` of the message that makes each request."""
    states: list[StateDiff | None] = field(default_factory=list)
    """What had changed before each request; None where nobody needs to know."""
    unresolved: dict[int, Unresolved] = field(default_factory=dict)
    """The requests, numbered from 0, that came to nothing in the eyes of the user."""
    attachments: list[Attachment] = field(default_factory=list)
    invalid: int = 0
    """Tool calls of the teacher that named no offered tool or broke its schema."""
    injected: set[int] = field(default_factory=set)
    """Requests (counted from 1) whose injected fault was given."""
    unclean: Finding | None = None
    """What is wrong with the text of the last turn, so that it ended the dialogue."""
    user_fault: str = ""
    """What the user failed to do as a person, in one word (User.fault)."""
    user_kept_calling: bool = False
    """Whether the user made tool calls up to the bound instead of writing a message."""

    @property
    def task(self) -> Task:
        """The task, which a try always has."""
        assert self.spec.task is not None
        return self.spec.task

    @property
    def domain(self) -> Domain:
        return self.parts.domains[self.spec.domain_digest]

    @property
    def sources(self) -> Mapping[str, ToolSource]:
        return self.parts.sources[self.spec.domain_digest]

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """All model calls so far, earlier tries and failed calls included."""
        asking = (*self.players, *self.judges.values())
        made = (call for one in asking for call in getattr(one, "calls", ()))
        return (*self.earlier, *made, *self.unanswered)

    def give_up_calls(self, why: str) -> None:
        """Note the model calls that were broken off in this try as failed for this reason."""
        for account in self.stopwatch.given_up_accounts():
            self.unanswered.append(self.parts.spent(account.model_copy(update={"failed": why})))

    def record(self, **more: Any) -> Trajectory:
        """Return the trajectory as far as the try came; `more` sets further fields, `status` is "kept" without it."""
        spec, parts, batch = self.spec, self.parts, self.parts.batch
        earlier = [Attachment(turn=0, kind=EARLIER_RUNS, value=list(self.spoiled))] if self.spoiled else []
        return Trajectory(
            id=spec.id,
            index=spec.index,
            batch_fingerprint=parts.fingerprint,
            domain=spec.domain,
            domain_digest=spec.domain_digest,
            template=spec.task.template if spec.task else None,
            mode=spec.mode,
            attempt=spec.attempt,
            seed=spec.seed,
            persona=spec.persona.id,
            teacher=batch.teacher.name,
            user=batch.user.name,
            models={role: endpoint.model for role, endpoint in batch.models.items()},
            task=spec.task,
            proof=self.proof,
            tools=spec.task.tools if spec.task else (),
            turns=tuple(self.turns),
            begun=tuple(self.begun),
            diff=self.diff,
            tests_passed=self.tests_passed,
            end=self.end,
            calls=self.calls,
            attachments=(*self.attachments, *earlier),
            execution=Execution(
                sandbox=parts.pool.name,
                isolated=parts.pool.isolated,
                started_at=self.started,
                seconds=parts.now() - self.started,
                infrastructure_retries=self.retries,
            ),
            **({"status": "kept"} | more),
        )

    @cached_property
    def tool_names(self) -> frozenset[str]:
        """The names of the tools that the teacher may call."""
        return frozenset(tool.name for tool in self.task.tools)

    @cached_property
    def guard(self) -> UserGuard:
        """What a model that plays the person is held against."""
        return UserGuard(self.task, self.spec.persona, self.domain.user_tools)

    @cached_property
    def names(self) -> frozenset[str]:
        """Values of the talk that may be in any language: the person's name and the texts of the task's slots."""
        slots = (text for turn in self.task.turns for _, text in leaves(turn.slots, ()))
        return frozenset((self.spec.persona.name, *slots))

    def rejected(self, reason: str, detail: str, culprit: Culprit | None = None) -> Trajectory:
        """Return the record of a task that never became a dialogue, because its proof failed or does not hold."""
        return self.record(status="rejected", stage="proven", reason=reason, detail=detail, culprit=culprit)

    def failed(self, reason: str, detail: str) -> Trajectory:
        """Return the record of a rollout that could not be measured: without scores, and no fault of the agent."""
        if self.end != "timeout":
            self.end = "error"
        return self.record(status="failed", stage="rolled_out", reason=reason, detail=detail, culprit="infrastructure")
