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
from engine.dialogue.questions import asks, wants_confirmation
from engine.dialogue.requests import begun_of
from engine.dialogue.withheld import asked_for, holds, may_be_told, withheld
from engine.errors import InputError
from engine.protocols import LLM, User
from engine.types import Completion, ModelCall, Options, Persona, Proof, Task, Turn

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


class Config(Options):
    """There is nothing to set: the model and its sampling are those of the batch's user endpoint."""


class _Said(BaseModel):
    message: str = ""
    status: Literal["continue", "satisfied", "gave_up"] = "continue"
    about: Literal["next_request", "same_request"] | None = None


class LLMUser(User):
    """Ends the talk only once every request was made and had an answer, or when its patience is used up: after as
    many texts of the assistant as requests plus the persona's patience. `left` is True when it stopped without being
    satisfied. `calls` holds what every model call took, also those that gave no turn.
    """

    asks = "user"

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
        self._opens: dict[int, bool | None] = {}  # its own word on its messages, by their index
        self.left = False
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        """Return the person's next message, or None when the talk is over. Raises ModelError."""
        begun = begun_of(self._task, turns, self._opens)
        answered, every = self._answered(turns, begun), len(self._task.turns)
        tired = len(_texts(turns)) >= self._patience
        messages = self._messages(turns, begun)
        said, completion = await self._ask(messages)
        reason = self._refused(said, turns, begun, tired)
        if reason:
            note = prompting.render("user_go_on", reason=reason, answered=answered, requests=every)
            messages += [_own(said), Turn(role="user", content=note)]
            said, completion = await self._ask(messages)
            if reason == "leak" and self._leaks(said.message, turns, begun):
                said = self._plainly(said, turns, begun)
        message = said.message.strip()
        over = said.status != "continue" and (answered >= every or not message)
        if over or tired or not message:
            self.left = said.status != "satisfied" or answered < every
            return None
        opens = self._opens[len(turns)] = None if said.about is None else said.about == "next_request"
        return completion.model_copy(update={"turn": Turn(role="user", content=message), "opens": opens})

    async def _ask(self, messages: Sequence[Turn]) -> tuple[_Said, Completion]:
        completion = await self._llm.complete(messages, response_schema=SCHEMA)
        self.calls.append(completion.call)
        try:
            return _Said.model_validate(completion.data), completion
        except ValidationError:
            return _Said(message=_plain(completion.turn.content)), completion

    def _messages(self, turns: Sequence[Turn], begun: Sequence[int]) -> list[Turn]:
        """Return the talk from the person's side: own messages as the model's, the assistant's as the other's."""
        found = [Turn(role="system", content=self._prompt), Turn(role="user", content=START)]
        for index, turn in enumerate(turns):
            if turn.role == "user":
                said = _Said(message=turn.content, about="next_request" if index in begun else "same_request")
                found.append(_own(said))
            elif _spoken(turn):
                found.append(Turn(role="user", content=turn.content))
        return found

    def _answered(self, turns: Sequence[Turn], begun: Sequence[int]) -> int:
        """Return how many requests had an answer. A question for what the last one holds back is none."""
        if not begun:
            return 0
        number, since = len(begun) - 1, turns[begun[-1] + 1 :]
        texts = _texts(since)
        silent = not any(turn.role == "user" for turn in since)
        owed = bool(self._secrets[number]) and silent and bool(texts) and asked_for(self._task, number, texts[-1])
        return number + (bool(texts) and not owed)

    def _refused(self, said: _Said, turns: Sequence[Turn], begun: Sequence[int], tired: bool) -> str | None:
        """Return why the reply is not taken: it ends too early, says nothing, or tells a secret unasked."""
        if self._leaks(said.message, turns, begun):
            return "leak"
        if tired:
            return None
        done = self._answered(turns, begun) >= len(self._task.turns)
        early = said.status == "satisfied" and bool(begun) and not done
        silent = not said.message.strip() and (said.status == "continue" or not done)
        return "early" if early or silent or said.status == "gave_up" else None

    def _leaks(self, message: str, turns: Sequence[Turn], begun: Sequence[int]) -> bool:
        """What a request holds back may be told once the request was made and the assistant has asked for it."""
        return any(
            holds(message, value)
            and not (number < len(begun) and may_be_told(self._task, number, _texts(turns[begun[number] :])))
            for number, values in enumerate(self._secrets)
            for value in values
        )

    def _plainly(self, said: _Said, turns: Sequence[Turn], begun: Sequence[int]) -> _Said:
        """Return the task's own words in place of a message that tells a secret: those of the request at hand while
        the assistant asks something, else of the next one."""
        last = "".join(_texts(turns)[-1:])
        again = bool(begun) and (asks(last) or wants_confirmation(last) or len(begun) == len(self._task.turns))
        say = self._task.turns[len(begun) - again].say
        return said.model_copy(update={"message": say, "about": "same_request" if again else "next_request"})

    def _masked(self, goal: str) -> str:
        for value in sorted({value for values in self._secrets for value in values}, key=len, reverse=True):
            goal = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "(told only when asked)", goal)
        return goal


def _spoken(turn: Turn) -> bool:
    return turn.role in ("user", "assistant") and bool(turn.content) and not turn.tool_calls


def _texts(turns: Sequence[Turn]) -> list[str]:
    """Return what the assistant said in words."""
    return [turn.content for turn in turns if turn.role == "assistant" and _spoken(turn)]


def _own(said: _Said) -> Turn:
    return Turn(role="assistant", content=said.model_dump_json(exclude_none=True))


def _plain(text: str) -> str:
    """Return a reply that was not the JSON asked for as a message, without fences or half an object."""
    text = re.sub(r"```\w*", "", text).strip()
    found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)', text)
    return found.group(1) if found else ("" if text.startswith("{") else text)
