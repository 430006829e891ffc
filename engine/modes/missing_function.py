"""Missing function.

The tool without which the request cannot be served is not offered, to no request of the dialogue. No tool that is not
offered may be called, and nothing be changed in its place.
"""

from __future__ import annotations

from random import Random

from engine.modes._messages import calls, writes
from engine.modes._plain import PlainMode
from engine.types import Domain, Finding, Options, Span, TaskTemplate, TaskTurn, TemplateTurn, Trajectory

__all__ = ["MissingFunctionMode"]

_ANSWERS = (
    "I'm sorry, but I can't do that here: I have no tool available for it. Nothing has been changed.",
    "Unfortunately I'm not able to do this one, because none of my tools covers it. I have left everything as it was.",
    "I don't have a tool for that request, so I can't carry it out. No change has been made.",
)
_SAYS_SO = (
    "can't",
    "cannot",
    "can not",
    "not able to",
    "unable to",
    "don't have a tool",
    "do not have a tool",
    "no tool",
    "not available",
    "isn't available",
    "isn't possible",
    "not possible",
    "couldn't",
    "could not",
    "won't be able to",
    "don't have any tool",
    "don't have access to",
    "do not have access to",
    "don't have the ability to",
    "do not have the ability to",
)


class Config(Options):
    """There is nothing to set."""


class MissingFunctionMode(PlainMode):
    help = "A needed tool is not offered: the assistant must say so and change nothing."
    short = True
    hard = True
    at_once = True
    declines = True

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        return bool(template.turns[0].chain) and template.hidden_tests is None

    def drawn(self, domain: Domain, turn: TemplateTurn, plain: TaskTurn, rng: Random) -> TaskTurn:
        change = {"chain": (), "groups": (), "answer": rng.choice(_ANSWERS), "facts": (_SAYS_SO,)}
        return plain.model_copy(update=change)

    def withheld(self, domain: Domain, turn: TemplateTurn) -> tuple[str, ...]:
        """Return the tool without which the turn cannot be served: that of its last write, else of its last call."""
        writing = {tool.name for tool in domain.tools if tool.effect == "write"}
        return (next((step.call for step in reversed(turn.chain) if step.call in writing), turn.chain[-1].call),)

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        offered = {tool.name for tool in trajectory.tools}
        for index, call, _ in calls(trajectory, span):
            if call.name not in offered:
                return Finding(False, f"{call.name} was called, which is not offered.", (index,))
        for index, call, result in writes(trajectory, span):
            if result is not None and result.fault is None:
                return Finding(False, f"{call.name} was called although the request cannot be served.", (index,))
        return Finding(True, "Nothing was called in place of the missing tool.")
