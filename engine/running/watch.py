"""What is watched while rollouts fly: how the batch is to end, what it spends, how its teacher fares."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from engine.errors import BudgetReached
from engine.types import Batch, Budget, ModelCall, Trajectory

IGNORED_AFTER = 10


@dataclass(frozen=True)
class Ending:
    """How the work on a batch ended: the status to release it with, and the reason for the reader."""

    status: str
    reason: str = ""


@dataclass
class Watch:
    """What the runner keeps an eye on while rollouts fly. `planned`: every spec was handed out; `whole`: and every
    one gave its result."""

    stop: asyncio.Event
    flying: int = 0
    drain: Ending | None = None
    abort: Ending | None = None
    tokens: int = 0
    cost: float = 0.0
    before: tuple[int, float | None, float] = (0, None, 0.0)
    started: float = field(default_factory=time.monotonic)
    planned: bool = False
    whole: bool = False
    teacher: TeacherWatch = field(default_factory=lambda: TeacherWatch())

    @property
    def closing(self) -> bool:
        return self.drain is not None or self.abort is not None or self.stop.is_set()

    def spend(self, call: ModelCall, batch: Batch) -> None:
        """Add what a call took to what is spent, and let no further rollout begin once a bound is reached."""
        self.tokens += (call.prompt_tokens or 0) + (call.completion_tokens or 0)
        self.cost += call.cost_usd or 0.0
        self.look_at_budget(batch)

    def look_at_budget(self, batch: Batch) -> None:
        """Let no further rollout begin once a bound is reached."""
        try:
            self.check_budget(batch)
        except BudgetReached as error:
            self.drain = self.drain or Ending("paused", str(error))

    def check_budget(self, batch: Batch) -> None:
        """Raise BudgetReached with the budget's name and bound."""
        tokens, cost, seconds = self.before
        spent = (tokens + self.tokens, (cost or 0.0) + self.cost, seconds + time.monotonic() - self.started)
        if reason := reached(batch.budget, *spent):
            raise BudgetReached(f"{reason} Raise it, then resume.")


def reached(budget: Budget, tokens: int, cost: float | None, seconds: float) -> str:
    """Return which bound is reached, or nothing. A cost of None is what nobody knows."""
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
    """Notices an endpoint that drops `tools`, or whose calls come as text, since no single rollout can tell."""

    needing: int = 0
    calling: int = 0
    as_text: int = 0
    repaired: int = 0

    def see(self, trajectory: Trajectory) -> None:
        """Count a rollout in which the reference needs a call and the teacher answered."""
        calls = [call for call in trajectory.calls if call.role == "teacher"]
        proof = trajectory.proof
        if not calls or proof is None or not any(turn.calls for turn in proof.turns):
            return
        self.needing += 1
        self.calling += any(turn.tool_calls for turn in trajectory.turns)
        self.as_text += sum(call.text_calls for call in calls)
        self.repaired += sum(call.repaired_calls for call in calls)

    def notice(self) -> str:
        """Return what the reader should know of the endpoint, or nothing."""
        if self.needing >= IGNORED_AFTER and not self.calling:
            return (
                f"The teacher made no call in any of {self.needing} rollouts that needed one: its endpoint may ignore "
                "tools. Make a test call under Settings, and check the server's chat template and tool parser."
            )
        told = []
        if self.as_text:
            told.append(f"{self.as_text} calls of the teacher came as text: check the tool parser of its server.")
        if self.repaired:
            told.append(f"{self.repaired} calls of the teacher held broken JSON, which was repaired.")
        return " ".join(told)
