"""A model plays the person behind the persona

It knows persona, goal and its own requests, never the policy, the tools, the reference chain or what tools returned.
What is held back until asked is guarded by code, not only by the prompt; so is the end of the talk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from engine import prompting
from engine.asking import asks
from engine.errors import InputError
from engine.protocols import LLM
from engine.spans import begun_of
from engine.types import Completion, Frozen, ModelCall, Persona, Proof, Task, Turn
from engine.withheld import holds, withheld

__all__ = ["LLMUser"]

START = "(The talk begins now. Write your first message, with your first request.)"
SCHEMA: dict[str, Any] = {
    "title": "user_message",
    "type": "object",
    "properties": {
        "message": {"type": "string"},
        "status": {"type": "string", "enum": ["satisfied", "continue", "gave_up"]},
        "about": {"type": "string", "enum": ["next_request", "same_request"]},
    },
    "required": ["message", "status", "about"],
    "additionalProperties": False,
}


class Config(Frozen):
    """There is nothing to set: the model and its sampling are those of the batch's user endpoint."""


class _Said(BaseModel):
    message: str = ""
    status: Literal["continue", "satisfied", "gave_up"] = "continue"
    about: Literal["next_request", "same_request"] | None = None


class LLMUser:
    """Ends the talk only once every request had an answer, or when its patience is used up: after as many
    answers as requests plus the persona's patience. `left` is True when it stopped without being satisfied.
    `calls` holds what every model call took, also those that gave no turn.
    """

    def __init__(
        self, config: Config, *, llm: LLM | None, task: Task, proof: Proof, persona: Persona, seed: int
    ) -> None:
        if llm is None:
            raise InputError("models.user", "is missing.", 'Name a model for the user, or use "reference".')
        self._llm, self._task = llm, task
        openly = " \n ".join(turn.say for turn in task.turns)
        self._secrets = [withheld(turn, openly) for turn in task.turns]
        self._patience = len(task.turns) + persona.patience
        self._prompt = prompting.render(
            "user",
            persona=persona,
            goal=self._masked(task.goal),
            requests=[turn.say for turn in task.turns],
            secrets=[turn.hidden for turn in task.turns if turn.hidden],
        )
        self.left = False
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        """Return the person's next message, or None when the talk is over. Raises ModelError."""
        spoken = [turn for turn in turns if turn.role in ("user", "assistant") and turn.content and not turn.tool_calls]
        answers = sum(turn.role == "assistant" for turn in spoken)
        messages = self._messages(spoken)
        said, completion = await self._ask(messages)
        message, reason = said.message.strip(), self._refused(said, spoken, answers)
        if reason:
            note = prompting.render(
                "user_go_on",
                reason=reason,
                answered=min(answers, len(self._task.turns)),
                requests=len(self._task.turns),
            )
            messages += [_own(said), Turn(role="user", content=note)]
            said, completion = await self._ask(messages)
            message = said.message.strip()
            if reason == "leak" and self._leaks(message, spoken):
                message = self._task.turns[min(answers, len(self._task.turns) - 1)].say
        over = said.status != "continue" and (answers >= len(self._task.turns) or not message)
        if over or answers >= self._patience or not message:
            self.left = said.status != "satisfied" or answers < len(self._task.turns)
            return None
        opens = None if said.about is None else said.about == "next_request"
        return completion.model_copy(update={"turn": Turn(role="user", content=message), "opens": opens})

    async def _ask(self, messages: Sequence[Turn]) -> tuple[_Said, Completion]:
        completion = await self._llm.complete(messages, response_schema=SCHEMA)
        self.calls.append(completion.call)
        try:
            return _Said.model_validate(completion.data), completion
        except ValidationError:
            return _Said(message=_plain(completion.turn.content)), completion

    def _messages(self, spoken: Sequence[Turn]) -> list[Turn]:
        """Return the talk from the person's side: own messages as the model's, the assistant's as the other's."""
        found = [Turn(role="system", content=self._prompt), Turn(role="user", content=START)]
        begun = begun_of(self._task, spoken)
        for index, turn in enumerate(spoken):
            if turn.role == "user":
                said = _Said(message=turn.content, about="next_request" if index in begun else "same_request")
                found.append(_own(said))
            else:
                found.append(Turn(role="user", content=turn.content))
        return found

    def _refused(self, said: _Said, spoken: Sequence[Turn], answers: int) -> str | None:
        """Return why the reply is not taken: it ends too early, says nothing, or tells a secret unasked."""
        if self._leaks(said.message, spoken):
            return "leak"
        if answers >= self._patience:
            return None
        early = said.status == "satisfied" and 0 < answers < len(self._task.turns)
        impatient = said.status == "gave_up" and answers < self._patience
        silent = not said.message.strip() and (said.status == "continue" or answers < len(self._task.turns))
        return "early" if early or impatient or silent else None

    def _leaks(self, message: str, spoken: Sequence[Turn]) -> bool:
        """What a request holds back may be told once the assistant has asked for something, and not before all
        earlier requests had an answer."""
        answers = [turn.content for turn in spoken if turn.role == "assistant"]
        return any(
            holds(message, value) and not any(asks(answer) for answer in answers[number:])
            for number, values in enumerate(self._secrets)
            for value in values
        )

    def _masked(self, goal: str) -> str:
        for value in sorted({value for values in self._secrets for value in values}, key=len, reverse=True):
            goal = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "(told only when asked)", goal)
        return goal


def _own(said: _Said) -> Turn:
    return Turn(role="assistant", content=said.model_dump_json(exclude_none=True))


def _plain(text: str) -> str:
    """Return a reply that was not the JSON asked for as a message, without fences or half an object."""
    text = re.sub(r"```\w*", "", text).strip()
    found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)', text)
    return found.group(1) if found else ("" if text.startswith("{") else text)
