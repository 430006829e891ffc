"""Scripted user: says the task's wording variants, without a model

It says one request after the other in the words that the task drew, each behind what it does with its own tools, and
gives what it held back when the assistant asks for it. It keeps no state: the turns so far say where it is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from engine.dialogue.phrases import with_closing, with_opening
from engine.dialogue.questions import asks, wants_confirmation
from engine.dialogue.withheld import may_be_told
from engine.protocols import LLM, User
from engine.types import Completion, ModelCall, Options, Persona, Proof, Task, Turn

__all__ = ["ReferenceUser"]

CONFIRMATION = "Yes, please go ahead."
UNKNOWN = "I can't tell you that, sorry."


class Config(Options):
    """There is nothing to set: the wording comes from the task, the frame from the persona."""


class _Past(NamedTuple):
    """How many requests were made, the index of the last one, and what was said in reply since."""

    requests: int
    start: int
    said: set[str]


class ReferenceUser(User):
    """Plays the task's user turns. `left` stays False; `calls` stays empty: no model was called."""

    reference = True

    def __init__(
        self, config: Config, *, llm: LLM | None, task: Task, proof: Proof, persona: Persona, seed: int
    ) -> None:
        self._task, self._answers = task, {turn.answer for turn in proof.turns}
        self._own_calls = {n: tuple(one.call for one in turn.user_calls) for n, turn in enumerate(proof.turns)}
        source = random.Random(f"user:{persona.id}:{seed}")
        self._opening = source.choice(persona.openings) if persona.openings else ""
        closing = source.choice(persona.closings) if persona.closings else ""
        self._closing = closing if source.random() < 0.5 else ""
        self.left = False
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        found, call = self._next(turns), ModelCall(role="user", model="reference")
        if found is None:
            return None
        said, opens = found
        calls = self._own_calls.get(self._past(turns).requests, ()) if opens else ()
        if calls and turns[-1].role != "tool":  # else it was just given their results
            return Completion(turn=Turn(role="user", tool_calls=calls), call=call)
        return Completion(turn=Turn(role="user", content=said), call=call, opens=opens)

    def _next(self, turns: Sequence[Turn]) -> tuple[str, bool] | None:
        """Return what to say and whether it makes the next request, or None when all were made."""
        past = self._past(turns)
        if past.requests:
            texts = [turn.content for turn in turns[past.start :] if turn.role == "assistant" and not turn.tool_calls]
            asked, number = "".join(texts[-1:]), past.requests - 1
            hidden, due = self._task.turns[number].hidden, past.said.isdisjoint
            if hidden and due([hidden]) and may_be_told(self._task, number, texts):
                return hidden, False
            if due([CONFIRMATION]) and asked not in self._answers and wants_confirmation(asked):
                return CONFIRMATION, False
            if hidden and due([hidden, UNKNOWN]) and asks(asked):
                return UNKNOWN, False
        if past.requests >= len(self._task.turns):
            return None
        return self._framed(past.requests), True

    def _past(self, turns: Sequence[Turn]) -> _Past:
        requests, start, said = 0, 0, set[str]()
        for index, turn in enumerate(turns):
            if turn.role != "user" or turn.tool_calls:
                continue
            replies = {self._task.turns[requests - 1].hidden, CONFIRMATION, UNKNOWN} - said if requests else set()
            if turn.content in replies:
                said.add(turn.content)
            else:
                requests, start, said = requests + 1, index, set()
        return _Past(requests, start, said)

    def _framed(self, number: int) -> str:
        """Return a request, the first one with the persona's opening and the last one with its closing."""
        turn = self._task.turns[number]
        text = with_opening(self._opening, turn.say) if number == 0 else turn.say
        last = number == len(self._task.turns) - 1 and turn.hidden is None
        return with_closing(text, self._closing) if last else text
