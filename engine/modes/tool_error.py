"""Tool error.

The call that fails is drawn among those that are new to the dialogue, as nobody needs to read twice. It must be made
again with the same arguments, and succeed.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from engine.dialogue.repeats import new_calls
from engine.modes._messages import alike, calls
from engine.modes._plain import PlainMode
from engine.types import Domain, Finding, Options, Span, TaskTurn, Trajectory

__all__ = ["ToolErrorMode"]


class Config(Options):
    """There is nothing to set."""


class ToolErrorMode(PlainMode):
    help = "The first try of one call fails with an injected fault, and the call must be made again."
    hard = True

    def exercised(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> bool:
        return bool(new_calls(domain, earlier, turn))

    def fault(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn, rng: Random) -> int:
        return rng.choice(new_calls(domain, earlier, turn))

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        made = list(calls(trajectory, span))
        for place, (index, call, result) in enumerate(made):
            if result is None or result.fault != "injected":
                continue
            if any(r and r.fault is None and alike(call, again) for _, again, r in made[place + 1 :]):
                return Finding(True, f"{call.name} failed once and was made again.")
            return Finding(False, f"{call.name} failed once and was not made again.", (index,))
        return Finding(None, "The call that was to fail was never made.")
