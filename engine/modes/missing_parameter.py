"""Missing parameter.

The first wording is the turn's `withhold.say`, without one slot, which the user tells once asked for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from engine.dialogue.questions import asks
from engine.dialogue.withheld import asked_for, tells, withheld
from engine.domains import templates
from engine.errors import InputError
from engine.modes._messages import writes
from engine.modes._plain import PlainMode
from engine.types import (
    Domain,
    Finding,
    Options,
    Span,
    Task,
    TaskTemplate,
    TaskTurn,
    TemplateTurn,
    Trajectory,
    Turn,
    Withhold,
)

__all__ = ["MissingParameterMode"]


class Config(Options):
    """There is nothing to set."""


class MissingParameterMode(PlainMode):
    help = "The request leaves out a value, which the assistant must ask for before it changes anything."
    hard = True

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        return template.turns[0].withhold is not None and bool(template.turns[0].chain)

    def drawn(self, domain: Domain, turn: TemplateTurn, plain: TaskTurn, rng: Random) -> TaskTurn:
        held, slots = turn.withhold, plain.slots
        assert held is not None, "served"
        change = {
            "say": templates.render_text(_wording(held, "say", rng), templates.SPEAKER_NOT_KNOWN | slots),
            "ask": templates.render_text(_wording(held, "ask", rng), slots),
            "hidden": templates.render_text(_wording(held, "reveal", rng), slots),
        }
        return plain.model_copy(update=change)

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        assert trajectory.task is not None
        turn = trajectory.task.turns[number]
        if tells(turn, "\n".join(t.content for t in trajectory.turns[: span.start + 1] if t.role == "user")):
            return Finding(None, "The missing value was told without being asked for.", (span.start,))
        replies = [i for i in range(span.start + 1, span.end) if trajectory.turns[i].role == "user"]
        first = replies[0] if replies else span.end
        given = next((i for i in replies if tells(turn, trajectory.turns[i].content)), None)
        for index, call, _ in writes(trajectory, Span(span.start, first if given is None else given)):
            return Finding(False, f"{call.name} was called before the missing value was given.", (index,))
        said = [t for t in trajectory.turns[span.start : first] if t.role == "assistant"]
        if not replies or not _asked(trajectory.task, number, said, given=given is not None):
            return Finding(False, "The missing value was not asked for.", (span.start,))
        return Finding(True, "The missing value was asked for, and nothing was changed before it was given.")


def _wording(held: Withhold, field: str, rng: Random) -> str:
    wordings: tuple[str, ...] = getattr(held, field)
    if not wordings:
        raise InputError(f"withhold.{field}", "has no wording.", "Write at least one.")
    return rng.choice(wordings)


def _asked(task: Task, number: int, said: Sequence[Turn], *, given: bool) -> bool:
    """Return whether the assistant asked for the missing value in `said`, its turns before the user wrote again.

    When the user then gave the value, any question counts; otherwise the question must name it. An assistant that
    neither called a tool nor asked anything passes, because it has not guessed.
    """
    turn = task.turns[number]
    called = any(t.tool_calls for t in said)
    texts = [t.content for t in said if not t.tool_calls]
    if given or not withheld(turn, turn.say):
        return not called or any(asks(text) for text in texts)
    return any(asked_for(task, number, text) for text in texts) or not (called or any(asks(text) for text in texts))
