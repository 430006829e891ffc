"""Holds each message of a model-played person against its task: it gives only values that it was told, knows nothing of
the exercise, and does not say back what the assistant said. The other checks of its text are in check.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from engine.dialogue.values import Known
from engine.hygiene.exercise import Exercise
from engine.hygiene.findings import Finding, Reason
from engine.hygiene.prose import LONGEST_QUOTE
from engine.reading.json_value import leaves
from engine.types import Persona, Task, Tool, Turn

_ECHO = 40
"""Characters from which on a message that equals the assistant's is no chance."""


class UserGuard:
    """Checks the messages of one dialogue. What it needs of task and persona is made once; `hear` adds what others
    said."""

    def __init__(self, task: Task, persona: Persona, more_tools: Collection[Tool] = ()) -> None:
        own = list(_own_texts(task, persona))
        self._known = Known(own)
        self._exercise = Exercise(_words_of_the_exercise(task, more_tools), "\n".join(own))
        self._said: list[str] = []
        self._read = 0

    def hear(self, text: str) -> None:
        """Take the values of a text as given: a result of the person's own tools."""
        self._known.add(text)

    def finding(self, text: str, turns: Sequence[Turn]) -> Finding | None:
        """Return what is wrong with a message after these turns, None when nothing is. Called again, the turns must go
        on with those of the last call."""
        self._listen(turns)
        mark = self._exercise.mark(text, self._said)
        if mark is not None:
            return _found("leftovers" if mark[0] in "{['\"" and ":" in mark else "special_tokens", mark)
        named = self._exercise.find(text, self._said)
        if named is not None:
            return _found("names_the_exercise", named)
        value = self._known.unknown(text)
        if value is not None:
            return _found("invented_value", value)
        plain = " ".join(text.split())
        if len(plain) >= _ECHO and any(plain == " ".join(one.split()) for one in self._said):
            return _found("played_both_sides", plain)
        return None

    def _listen(self, turns: Sequence[Turn]) -> None:
        for turn in turns[self._read :]:
            if turn.content and turn.role == "assistant":
                self._said.append(turn.content)
                self._known.add(turn.content)
        self._read = max(self._read, len(turns))


def _own_texts(task: Task, persona: Persona) -> list[str]:
    """Return all that the person was told: its task with the values in it, and who it is."""
    texts = [task.goal, *(text for turn in task.turns for text in (turn.say, turn.hidden or ""))]
    texts += [str(value) for turn in task.turns for _, value in leaves(turn.slots, ())]
    texts += [persona.name, persona.occupation, persona.goal_style, persona.tone, persona.description]
    return [*texts, *persona.openings, *persona.closings]


def _words_of_the_exercise(task: Task, more_tools: Collection[Tool]) -> set[str]:
    tools = (*task.tools, *more_tools)
    words = {tool.name for tool in tools} | {name for tool in tools for name in tool.parameters.get("properties", {})}
    steps = {step.call for turn in task.turns for step in (*turn.chain, *turn.known, *turn.user_chain)}
    named = {name for name in (*task.modes, *task.templates) if "_" in name}
    single = {name for tool in tools for name in tool.parameters.get("properties", {}) if "_" not in name}
    return (words - single) | steps | named | {*task.withheld_tools}


def _found(reason: Reason, quote: str) -> Finding:
    return Finding(reason, " ".join(quote.split())[:LONGEST_QUOTE])
