"""Scripted user: says the task's wording variants, without a model

It says one request after the other in the words that the task drew, and gives what it held back when the assistant
asks. It keeps no state: the turns so far say where it is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from engine.asking import asks, wants_confirmation
from engine.protocols import LLM
from engine.types import Completion, Frozen, ModelCall, Persona, Proof, Task, Turn
from engine.users._phrases import closed, opened

__all__ = ["ReferenceUser"]

CONFIRMATION = "Yes, please go ahead."


class Config(Frozen):
    """There is nothing to set: the wording comes from the task, the frame from the persona."""


class ReferenceUser:
    """Plays the task's user turns. `left` stays False; `calls` stays empty: no model was called."""

    def __init__(
        self, config: Config, *, llm: LLM | None, task: Task, proof: Proof, persona: Persona, seed: int
    ) -> None:
        self._task, self._answers = task, {turn.answer for turn in proof.turns}
        source = random.Random(f"user:{persona.id}:{seed}")
        self._opening = source.choice(persona.openings) if persona.openings else ""
        closing = source.choice(persona.closings) if persona.closings else ""
        self._closing = closing if source.random() < 0.5 else ""
        self.left = False
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        found = self._next(turns)
        if found is None:
            return None
        turn = Turn(role="user", content=found[0])
        return Completion(turn=turn, call=ModelCall(role="user", model="reference"), opens=found[1])

    def _next(self, turns: Sequence[Turn]) -> tuple[str, bool] | None:
        """Return what to say and whether it makes the next request, or None when all were made."""
        said, revealed, confirmed = self._past(turns)
        if said:
            asked = next((turn.content for turn in reversed(turns) if turn.role == "assistant"), "")
            turn = self._task.turns[said - 1]
            if turn.hidden and not revealed and (asked == turn.ask or asks(asked)):
                return turn.hidden, False
            if not confirmed and asked not in self._answers and wants_confirmation(asked):
                return CONFIRMATION, False
        if said >= len(self._task.turns):
            return None
        return self._framed(said), True

    def _past(self, turns: Sequence[Turn]) -> tuple[int, bool, bool]:
        """Return (requests made, whether the last one's hidden part is out, whether it was confirmed)."""
        said, revealed, confirmed = 0, False, False
        for turn in turns:
            if turn.role != "user":
                continue
            if said and not revealed and turn.content == self._task.turns[said - 1].hidden:
                revealed = True
            elif said and not confirmed and turn.content == CONFIRMATION:
                confirmed = True
            else:
                said, revealed, confirmed = said + 1, False, False
        return said, revealed, confirmed

    def _framed(self, number: int) -> str:
        """Return a request, the first one with the persona's opening and the last one with its closing."""
        turn = self._task.turns[number]
        text = opened(self._opening, turn.say) if number == 0 else turn.say
        last = number == len(self._task.turns) - 1 and turn.hidden is None
        return closed(text, self._closing) if last else text
