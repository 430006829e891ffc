"""What the runner keeps track of while rollouts are in flight: how the batch is to end, what it has spent, and whether
its teacher's endpoint handles tools."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.errors import BudgetReached
from engine.running.early_look import EarlyLook, needed_a_call
from engine.running.failures import JudgeWatch
from engine.types import Batch, Budget, ModelCall, RolloutSpec, Trajectory

IGNORED_AFTER = 10
"""Rollouts that needed a call and got none, after which the teacher's endpoint is said to ignore tools."""


@dataclass(frozen=True)
class Ending:
    """How the work on a batch ended: the status to release it with, and the reason for the reader."""

    status: str
    reason: str = ""


@dataclass
class Watch:
    """The state of one batch at work, shared by the runner, the heartbeat and the model calls."""

    stop: asyncio.Event
    """Set when the engine is to stop."""
    in_flight: int = 0
    drain: Ending | None = None
    """Set when the batch is to end so, once the rollouts in flight have finished."""
    abort: Ending | None = None
    """Set when the batch is to end so at once; the rollouts in flight are cancelled."""
    tokens: int = 0
    cost: float = 0.0
    """In dollars, as `tokens` since this engine claimed the batch."""
    spent_before: tuple[int, float | None, float] = (0, None, 0.0)
    """Tokens, dollars (None: unknown) and seconds spent under earlier claims."""
    unsaved: dict[str, Sequence[ModelCall]] = field(default_factory=dict)
    """The model calls of rollouts that have ended and are not stored, by rollout id."""
    undelivered: list[ModelCall] = field(default_factory=list)
    """Model calls that gave a reply which their rollout never got."""
    started: float = field(default_factory=time.monotonic)
    all_handed_out: bool = False
    """Every spec of the plan was given to the executor."""
    complete: bool = False
    """And every one of them gave its trajectory."""
    teacher: TeacherWatch = field(default_factory=lambda: TeacherWatch())
    replies: ReplyWatch = field(default_factory=lambda: ReplyWatch())
    early: EarlyLook = field(default_factory=EarlyLook)
    judges: JudgeWatch = field(default_factory=lambda: JudgeWatch(0))

    @property
    def closing(self) -> bool:
        """Whether no further rollout may begin."""
        return self.drain is not None or self.abort is not None or self.stop.is_set()

    def drop(self, spec: RolloutSpec, calls: Sequence[ModelCall]) -> None:
        """Keep the model calls of a rollout that gave no trajectory."""
        self.unsaved[spec.id] = calls

    def unstored_calls(self) -> list[ModelCall]:
        """Return the model calls that were made and are in no stored trajectory."""
        return [*self.undelivered, *(call for calls in self.unsaved.values() for call in calls)]

    def saved(self, trajectory: Trajectory) -> None:
        """Count a saved trajectory for the notice about the endpoints."""
        self.unsaved.pop(trajectory.id, None)
        self.teacher.see(trajectory)
        self.replies.see(trajectory)

    def notice(self) -> str:
        """Return what the user should know of the endpoints at the end, "" when there is nothing."""
        teacher = "" if self.early.paused else self.teacher.notice()
        return " ".join(filter(None, (self.judges.notice(), teacher, self.replies.notice())))

    def spend(self, call: ModelCall, batch: Batch) -> None:
        """Add what a call took to what is spent; drain the batch once a bound is reached."""
        self.tokens += (call.prompt_tokens or 0) + (call.completion_tokens or 0)
        self.cost += call.cost_usd or 0.0
        self.drain_if_over_budget(batch)

    def drain_if_over_budget(self, batch: Batch) -> None:
        """Let no further rollout begin once a bound of the budget is reached."""
        try:
            self.check_budget(batch)
        except BudgetReached as error:
            self.drain = self.drain or Ending("paused", str(error))

    def check_budget(self, batch: Batch) -> None:
        """Raise BudgetReached, with the bound's name and value, when a bound of the budget is reached."""
        tokens, cost, seconds = self.spent_before
        spent = (tokens + self.tokens, (cost or 0.0) + self.cost, seconds + time.monotonic() - self.started)
        if reason := reached_bound(batch.budget, *spent):
            raise BudgetReached(f"{reason} Raise it, then resume.")


def reached_bound(budget: Budget, tokens: int, cost: float | None, seconds: float) -> str:
    """Return a sentence that names the reached bound, "" when none is. `cost` in dollars, None when unknown."""
    spent: list[tuple[str, float, float | None, str]] = [
        ("tokens", tokens, budget.tokens, ""),
        ("cost", cost or 0.0, budget.cost_usd, " dollars"),
        ("time", seconds, budget.seconds, " s"),
    ]
    for name, value, bound, unit in spent:
        if bound is not None and value >= bound:
            return f"The {name} budget of {bound:.12g}{unit} is reached."
    return ""


@dataclass
class TeacherWatch:
    """Notices over many rollouts that an endpoint ignores `tools` or writes its calls as text. One rollout alone cannot
    show it."""

    needing: int = 0
    calling: int = 0
    as_text: int = 0
    repaired: int = 0

    def see(self, trajectory: Trajectory) -> None:
        """Count a rollout, if its reference makes a call and its teacher answered."""
        if not needed_a_call(trajectory):
            return
        calls = [call for call in trajectory.calls if call.role == "teacher" and not call.failed]
        self.needing += 1
        self.calling += any(turn.tool_calls for turn in trajectory.turns)
        self.as_text += sum(call.text_calls for call in calls)
        self.repaired += sum(call.repaired_calls for call in calls)

    def notice(self) -> str:
        """Return a sentence for the user about the endpoint's fault, "" when there is none."""
        if self.needing >= IGNORED_AFTER and not self.calling:
            return (
                f"The teacher made no call in any of {self.needing} rollouts that needed one: its endpoint may ignore "
                "tools. Make a test call under Settings, and check the server's chat template and tool parser."
            )
        sentences = []
        if self.as_text:
            sentences.append(f"{self.as_text} calls of the teacher came as text: check the tool parser of its server.")
        if self.repaired:
            sentences.append(f"{self.repaired} calls of the teacher held broken JSON, which was repaired.")
        return " ".join(sentences)


@dataclass
class ReplyWatch:
    """Counts by endpoint the replies that could not become turns (engine/rolling/clean_replies.py), and notes the
    parameters that its server did not take."""

    replies: Counter[tuple[str, str]] = field(default_factory=Counter)
    """All replies by (role, model)."""
    not_taken: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By (role, model), how many were not taken for each reason."""
    left_out: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """By (role, model), the parameters that were not sent."""

    def see(self, trajectory: Trajectory) -> None:
        for call in (call for call in trajectory.calls if not call.failed):
            self.replies[call.role, call.model] += 1
            if call.left_out:
                self.left_out[call.role, call.model].update(call.left_out)
            if call.not_taken:
                self.not_taken[call.role, call.model][call.not_taken] += 1

    def notice(self) -> str:
        """Return sentences for each endpoint with such replies or parameters, "" without any."""
        sentences = [
            f"{reasons.total()} of {self.replies[role, model]} replies of the {role} {model} were not taken: "
            + ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in reasons.most_common())
            + "."
            for (role, model), reasons in self.not_taken.items()
        ]
        sentences += [
            f"The {role} {model} was called without {', '.join(sorted(names))}, which its server does not take."
            for (role, model), names in self.left_out.items()
        ]
        return " ".join(sentences)
