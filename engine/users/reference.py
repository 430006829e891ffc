"""Scripted user: says the task's wording variants, without a model

It makes one request after the other, in the wording that the task drew; before a request it makes the calls of its own
tools that belong to it. It tells a withheld value when the assistant asks for it. It keeps no state: the turns so far
show how far the dialogue has come.
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


class _Progress(NamedTuple):
    """How many requests were made, the index of the last one's message, and the user's replies to questions since."""

    requests: int
    start: int
    replies: set[str]


class ReferenceUser(User):
    """Plays the user turns of a task with a valid proof. `left` stays False; `calls` stays empty, because no model is
    called."""

    reference = True

    def __init__(
        self, config: Config, *, llm: LLM | None, task: Task, proof: Proof, persona: Persona, seed: int
    ) -> None:
        self._task, self._answers = task, {turn.answer for turn in proof.turns}
        self._own_calls = {n: tuple(one.call for one in turn.user_calls) for n, turn in enumerate(proof.turns)}
        rng = random.Random(f"user:{persona.id}:{seed}")
        self._opening = rng.choice(persona.openings) if persona.openings else ""
        closing = rng.choice(persona.closings) if persona.closings else ""
        self._closing = closing if rng.random() < 0.5 else ""
        self.left = False
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        found, call = self._next_message(turns), ModelCall(role="user", model="reference")
        if found is None:
            return None
        text, opens = found
        calls = self._own_calls.get(self._progress(turns).requests, ()) if opens else ()
        if calls and turns[-1].role != "tool":  # a tool turn is last when these calls were just made
            return Completion(turn=Turn(role="user", tool_calls=calls), call=call)
        return Completion(turn=Turn(role="user", content=text), call=call, opens=opens)

    def _next_message(self, turns: Sequence[Turn]) -> tuple[str, bool] | None:
        """Return the next message and whether it makes the next request; None when all requests were made.

        Each kind of reply is given once per request, so that an assistant that goes on asking meets an end.
        """
        progress = self._progress(turns)
        if progress.requests:
            later = turns[progress.start :]
            texts = [turn.content for turn in later if turn.role == "assistant" and not turn.tool_calls]
            last, number = "".join(texts[-1:]), progress.requests - 1
            hidden, not_given = self._task.turns[number].hidden, progress.replies.isdisjoint
            if hidden and not_given([hidden]) and may_be_told(self._task, number, texts):
                return hidden, False
            if not_given([CONFIRMATION]) and last not in self._answers and wants_confirmation(last):
                return CONFIRMATION, False
            if hidden and not_given([hidden, UNKNOWN]) and asks(last):
                return UNKNOWN, False
        if progress.requests >= len(self._task.turns):
            return None
        return self._request(progress.requests), True

    def _progress(self, turns: Sequence[Turn]) -> _Progress:
        requests, start, given = 0, 0, set[str]()
        for index, turn in enumerate(turns):
            if turn.role != "user" or turn.tool_calls:
                continue
            possible = {self._task.turns[requests - 1].hidden, CONFIRMATION, UNKNOWN} - given if requests else set()
            if turn.content in possible:
                given.add(turn.content)
            else:
                requests, start, given = requests + 1, index, set()
        return _Progress(requests, start, given)

    def _request(self, number: int) -> str:
        """Return the text of a request, the first one with the persona's opening, the last one with its closing."""
        turn = self._task.turns[number]
        text = with_opening(self._opening, turn.say) if number == 0 else turn.say
        last = number == len(self._task.turns) - 1 and turn.hidden is None
        return with_closing(text, self._closing) if last else text
