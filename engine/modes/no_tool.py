"""No tool needed.

The request is one of the domain's questions, and not even a look around is free.
"""

from __future__ import annotations

from random import Random

from engine.modes._plain import PlainMode
from engine.types import Domain, Finding, Options, Span, TaskTemplate, TaskTurn, Trajectory

__all__ = ["NoToolMode"]


class Config(Options):
    """There is nothing to set."""


class NoToolMode(PlainMode):
    help = "The policy answers the request, and nothing is called."
    short = True

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        return bool(domain.questions)

    def question(self, domain: Domain, rng: Random) -> TaskTurn:
        question = rng.choice(domain.questions)
        return TaskTurn(
            mode="no_tool",
            say=rng.choice(question.say),
            answer=rng.choice(question.answer),
            facts=question.facts,
            slots={"question": question.id},
        )

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        where = tuple(index for index in range(*span) if trajectory.turns[index].tool_calls)
        return Finding(not where, "A call was made although none was needed." if where else "No call was made.", where)
