"""Single call.

Exactly one call must succeed, so looking around with reads is not free here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random

from engine.dialogue.repeats import new_calls
from engine.modes._messages import alike, calls
from engine.modes._plain import PlainMode
from engine.types import Domain, Finding, Options, Span, TaskTemplate, TaskTurn, Tool, Trajectory

__all__ = ["SingleMode"]


class Config(Options):
    """There is nothing to set."""


class SingleMode(PlainMode):
    help = "Only the needed tool is offered, and exactly one call serves the request."

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        return len(template.turns[0].chain) == 1

    def exercised(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> bool:
        return bool(new_calls(domain, earlier, turn))

    def offered(
        self, domain: Domain, needed: Collection[str], withheld: Collection[str], rng: Random
    ) -> tuple[Tool, ...]:
        return tuple(tool for tool in domain.tools if tool.name in needed)

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        served = [(index, call) for index, call, result in calls(trajectory, span) if result and result.fault is None]
        if len(served) == 1:
            return Finding(True, f"{served[0][1].name} was called once.")
        where = tuple(sorted({index for index, _ in served}))
        if served:
            return Finding(False, f"{len(served)} calls succeeded although one serves the request.", where)
        earlier = [call for _, call, r in calls(trajectory, Span(0, span.start)) if r and r.fault is None]
        proven = trajectory.proof.turns[number].calls if trajectory.proof else ()
        if proven and all(any(alike(entry.call, call) for call in earlier) for group in proven for entry in group):
            return Finding(None, "The one call had been made for an earlier request.")
        return Finding(False, "No call succeeded although one serves the request.", (span.start,))
