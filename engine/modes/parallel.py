"""Parallel calls.

Neighbouring reads of the chain that do not use each other's results share one assistant message.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from engine.dialogue.repeats import new_calls
from engine.modes._chains import dependencies
from engine.modes._plain import PlainMode
from engine.types import Domain, Finding, Options, Span, TaskTemplate, TaskTurn, TemplateTurn, Tool, Trajectory

__all__ = ["ParallelMode"]


class Config(Options):
    """There is nothing to set."""


class ParallelMode(PlainMode):
    help = "Calls that need no result of each other share one assistant message."

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        turn = template.turns[0]
        return len(set(_groups(turn, domain.tools))) < len(turn.chain)

    def drawn(self, domain: Domain, turn: TemplateTurn, plain: TaskTurn, rng: Random) -> TaskTurn:
        return plain.model_copy(update={"groups": _groups(turn, domain.tools)})

    def exercised(self, domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> bool:
        groups = [turn.groups[position] for position in new_calls(domain, earlier, turn)]
        return len(groups) > len(set(groups))

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        if any(len(trajectory.turns[index].tool_calls) > 1 for index in range(*span)):
            return Finding(True, "Calls share one message.")
        return Finding(False, "No message holds more than one call, although some need no other's result.")


def _groups(turn: TemplateTurn, tools: Sequence[Tool]) -> tuple[int, ...]:
    """Return a group number per call; neighbouring reads that do not use each other's results share one."""
    reads = {tool.name for tool in tools if tool.effect == "read"}
    needs = dependencies(turn)
    groups: list[int] = []
    members: set[int] = set()
    for position, step in enumerate(turn.chain):
        joins = (
            bool(members)
            and step.call in reads
            and turn.chain[position - 1].call in reads
            and not (needs[position] & members)
        )
        members = members | {position} if joins else {position}
        groups.append(groups[-1] if joins else (groups[-1] + 1 if groups else 0))
    return tuple(groups)
