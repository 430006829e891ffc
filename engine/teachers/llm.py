"""A model plays the assistant

It sees exactly the turns and tools of the dialogue: the policy as system message, then all messages, tool calls and
results. Beside its own replies goes back what their provider wants with them (`Completion.state`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.errors import InputError
from engine.protocols import LLM, Teacher
from engine.types import Completion, ModelCall, Options, Persona, Proof, Task, Tool, Turn

__all__ = ["LLMTeacher"]


class Config(Options):
    """There is nothing to set: the model and its sampling are those of the batch's teacher endpoint."""


class LLMTeacher(Teacher):
    """Passes turns and tools to the model as they are. `calls` holds the model calls of its replies, in order."""

    asks = "teacher"

    def __init__(
        self, config: Config, *, llm: LLM | None, task: Task, proof: Proof, persona: Persona, seed: int
    ) -> None:
        if llm is None:
            raise InputError("models.teacher", "is missing.", 'Name a model for the teacher, or use "reference".')
        self._llm = llm
        self._states: dict[int, dict[str, Any]] = {}  # by the index that the reply has as a turn
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn], tools: Sequence[Tool]) -> Completion:
        """Return the model's turn. Raises ModelError. The reply becomes the next turn, unless it is asked for again."""
        self._states.pop(len(turns), None)  # that of a reply which was not taken
        given: dict[str, Any] = {"states": self._states} if self._states else {}
        completion = await self._llm.complete(turns, tools, **given)
        self.calls.append(completion.call)
        if completion.state is not None:
            self._states[len(turns)] = completion.state
        return completion
