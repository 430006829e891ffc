"""Looks at the first trajectories of a batch while they come: what goes wrong with most of them will with the rest.

Some faults pause the batch, because its settings must be mended first; others are only told, while it goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from engine.types import ModelRole, Trajectory

LEAST, FIRST = 10, 20
"""How many trajectories must have come before anything is said of them, and how many may pause the batch."""
_UNREAD = ("leftovers", "special_tokens")
"""Reasons of texts that hold calls which no reader knows."""
_USER_FAULTS, _USER_SHARE = 3, 0.2
"""Dialogues lost to the simulated user, and their share of all, from which on that is told."""
_DEARER, _KEPT = 1.5, 5
"""How many times dearer than expected a kept trajectory may be, once so many are kept."""
_NEXT = "Mend that, then resume, or switch the early look off in a new batch."


@dataclass
class EarlyLook:
    """Counts the trajectories of a batch as they finish. `before` of them were stored when this engine took it up: a
    batch that was resumed after its first ones is not paused again. `expected` is the cost of a kept trajectory in
    dollars, as the pilot had it; None when there was none."""

    pauses: bool = True
    before: int = 0
    expected: float | None = None
    seen: int = 0
    kept: int = 0
    cost: float = 0.0
    unpriced: bool = False
    needing: int = 0
    """Rollouts whose reference makes a call and whose teacher answered."""
    calling: int = 0
    unread: int = 0
    failing: Counter[tuple[ModelRole, str]] = field(default_factory=Counter)
    """Rollouts that a model's server made fail, by (role, model)."""
    losses: Counter[str] = field(default_factory=Counter)
    by_user: Counter[str] = field(default_factory=Counter)
    """Dialogues lost to the simulated user, by reason."""
    paused: bool = False
    """Whether it asked for the batch to pause."""

    def see(self, trajectory: Trajectory) -> str:
        """Count a finished trajectory; return why the batch should pause and the next move, "" when it may go on.
        Tasks that were rejected before any model was called show nothing of the models."""
        if not trajectory.calls:
            return ""
        self.seen += 1
        self.kept += trajectory.status == "kept"
        self._count_costs(trajectory)
        self._count_calls(trajectory)
        if trajectory.status != "kept" and trajectory.reason:
            self.losses[trajectory.reason] += 1
            if trajectory.culprit == "user":
                self.by_user[trajectory.reason] += 1
        if not self.pauses or self.before >= LEAST:
            return ""
        reason = self._wrong_with_most()
        self.paused |= bool(reason)
        return reason

    def _count_costs(self, trajectory: Trajectory) -> None:
        for call in trajectory.calls:
            self.cost += call.cost_usd or 0.0
            self.unpriced |= call.cost_usd is None and bool(call.prompt_tokens or call.completion_tokens)

    def _count_calls(self, trajectory: Trajectory) -> None:
        if needed_a_call(trajectory):
            self.needing += 1
            self.calling += any(turn.tool_calls for turn in trajectory.turns)
        self.unread += trajectory.reason in _UNREAD and trajectory.culprit == "agent"
        if (broken := failed_endpoint(trajectory)) is not None:
            self.failing[broken] += 1

    def _wrong_with_most(self) -> str:
        if LEAST <= self.needing <= FIRST and not self.calling:
            return (
                f"The teacher made no call in any of the first {self.needing} rollouts that needed one: its server may "
                f"ignore tools. Make a test call under Settings, and check its chat template and tool parser. {_NEXT}"
            )
        if not LEAST <= self.seen <= FIRST:
            return ""
        if self.unread * 2 > self.seen:
            return (
                f"In {self.unread} of the first {self.seen} dialogues the teacher's text held calls or control tokens "
                f"that nobody could read: check the tool parser of its server. {_NEXT}"
            )
        if self.failing and (most := self.failing.most_common(1)[0])[1] * 2 > self.seen:
            (role, model), times = most
            return (
                f"{times} of the first {self.seen} rollouts failed because calls of the {role} {model} failed. {_NEXT}"
            )
        return ""

    def notice(self) -> str:
        """Return what the user should know while the batch goes on, "" when there is nothing."""
        return " ".join(filter(None, (self._one_reason(), self._user_faults(), self._dearer())))

    def _one_reason(self) -> str:
        if self.seen < LEAST or not self.losses:
            return ""
        reason, times = self.losses.most_common(1)[0]
        if times * 2 <= self.seen:
            return ""
        return f"{times} of {self.seen} were lost for one reason: {reason.replace('_', ' ')}."

    def _user_faults(self) -> str:
        times = self.by_user.total()
        if self.seen < LEAST or times < _USER_FAULTS or times < _USER_SHARE * self.seen:
            return ""
        reasons = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in self.by_user.most_common())
        return f"{times} of {self.seen} were lost to the simulated user: {reasons}."

    def _dearer(self) -> str:
        if self.expected is None or self.kept < _KEPT or self.unpriced:
            return ""
        price = self.cost / self.kept
        if price <= _DEARER * self.expected:
            return ""
        return f"A kept trajectory costs {price:.4f} dollars so far; the pilot's cost {self.expected:.4f}."


def needed_a_call(trajectory: Trajectory) -> bool:
    """Return whether a rollout's reference makes a call and its teacher answered."""
    answered = any(call.role == "teacher" and not call.failed for call in trajectory.calls)
    return answered and trajectory.proof is not None and any(turn.calls for turn in trajectory.proof.turns)


def failed_endpoint(trajectory: Trajectory) -> tuple[ModelRole, str] | None:
    """Return (role, model) of the endpoint whose failed call made a rollout fail, None when none did."""
    if trajectory.status != "failed" or not (trajectory.reason or "").startswith("model_"):
        return None
    return next(((call.role, call.model) for call in reversed(trajectory.calls) if call.failed), None)
