"""A model plays the person behind the persona

It knows persona, goal and its own requests, never the policy, the tools, the reference chain or the tools' results.
Code, not only the prompt, ensures that it tells withheld values only when asked and that it does not end the dialogue
too early.
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


class _Reply(BaseModel):
    """The model's reply, read from its JSON."""

    message: str = ""
    status: Literal["continue", "satisfied", "gave_up"] = "continue"
    about: Literal["next_request", "same_request"] | None = None


class LLMUser(User):
    """Ends the dialogue only when every request was made and answered, or when its patience is used up: after as many
    texts of the assistant as requests plus the persona's patience. `left` is True when it stopped without being
    satisfied. `calls` holds all its model calls, also those that gave no turn.
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
        self._opens: dict[int, bool | None] = {}  # by message index: whether the model says that it makes a request
        self.left = False
        self.calls: list[ModelCall] = []

    async def reply(self, turns: Sequence[Turn]) -> Completion | None:
        """Return the person's next message, or None when the dialogue is over. Raises ModelError.

        A reply that is refused is asked for once more, with the reason. When the second one tells a withheld value, the
        task's own wording takes its place.
        """
        begun = begun_of(self._task, turns, self._opens)
        answered, requests = self._answered(turns, begun), len(self._task.turns)
        tired = len(_texts(turns)) >= self._patience
        messages = self._messages(turns, begun)
        reply, completion = await self._ask(messages)
        reason = self._refusal_reason(reply, turns, begun, tired)
        if reason:
            note = prompting.render("user_go_on", reason=reason, answered=answered, requests=requests)
            messages += [_as_model_turn(reply), Turn(role="user", content=note)]
            reply, completion = await self._ask(messages)
            if self._leaks(reply.message, turns, begun):
                reply = self._in_task_wording(reply, turns, begun)
        message = reply.message.strip()
        over = reply.status != "continue" and (answered >= requests or not message)
        if over or tired or not message:
            self.left = reply.status != "satisfied" or answered < requests
            return None
        opens = self._opens[len(turns)] = None if reply.about is None else reply.about == "next_request"
        return completion.model_copy(update={"turn": Turn(role="user", content=message), "opens": opens})

    async def _ask(self, messages: Sequence[Turn]) -> tuple[_Reply, Completion]:
        completion = await self._llm.complete(messages, response_schema=SCHEMA)
        self.calls.append(completion.call)
        try:
            return _Reply.model_validate(completion.data), completion
        except ValidationError:
            return _Reply(message=_message_in(completion.turn.content)), completion

    def _messages(self, turns: Sequence[Turn], begun: Sequence[int]) -> list[Turn]:
        """Return the dialogue as the model sees it: the user's messages in role `assistant`, the assistant's in role
        `user`."""
        found = [Turn(role="system", content=self._prompt), Turn(role="user", content=START)]
        for index, turn in enumerate(turns):
            if turn.role == "user":
                reply = _Reply(message=turn.content, about="next_request" if index in begun else "same_request")
                found.append(_as_model_turn(reply))
            elif _is_text(turn):
                found.append(Turn(role="user", content=turn.content))
        return found

    def _answered(self, turns: Sequence[Turn], begun: Sequence[int]) -> int:
        """Return how many requests were answered. The assistant's question for a withheld value is no answer."""
        if not begun:
            return 0
        number, since = len(begun) - 1, turns[begun[-1] + 1 :]
        texts = _texts(since)
        no_reply = not any(turn.role == "user" for turn in since)
        asked = bool(self._secrets[number]) and no_reply and bool(texts) and asked_for(self._task, number, texts[-1])
        return number + (bool(texts) and not asked)

    def _refusal_reason(self, reply: _Reply, turns: Sequence[Turn], begun: Sequence[int], tired: bool) -> str | None:
        """Return why the reply is not taken, None when it is: "leak" when it tells a withheld value unasked, "early"
        when it ends the dialogue too early or is empty."""
        if self._leaks(reply.message, turns, begun):
            return "leak"
        if tired:
            return None
        done = self._answered(turns, begun) >= len(self._task.turns)
        early = reply.status == "satisfied" and bool(begun) and not done
        empty = not reply.message.strip() and (reply.status == "continue" or not done)
        return "early" if early or empty or reply.status == "gave_up" else None

    def _leaks(self, message: str, turns: Sequence[Turn], begun: Sequence[int]) -> bool:
        """Return whether a message tells a withheld value before its request was made and the assistant asked for
        it."""
        return any(
            holds(message, value)
            and not (number < len(begun) and may_be_told(self._task, number, _texts(turns[begun[number] :])))
            for number, values in enumerate(self._secrets)
            for value in values
        )

    def _in_task_wording(self, reply: _Reply, turns: Sequence[Turn], begun: Sequence[int]) -> _Reply:
        """Return the reply with the task's own wording as its message: that of the present request while the assistant
        asks something, else that of the next request."""
        last = "".join(_texts(turns)[-1:])
        again = bool(begun) and (asks(last) or wants_confirmation(last) or len(begun) == len(self._task.turns))
        say = self._task.turns[len(begun) - again].say
        return reply.model_copy(update={"message": say, "about": "same_request" if again else "next_request"})

    def _masked(self, goal: str) -> str:
        """Return the goal without the withheld values."""
        for value in sorted({value for values in self._secrets for value in values}, key=len, reverse=True):
            goal = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "(told only when asked)", goal)
        return goal


def _is_text(turn: Turn) -> bool:
    return turn.role in ("user", "assistant") and bool(turn.content) and not turn.tool_calls


def _texts(turns: Sequence[Turn]) -> list[str]:
    """Return the assistant's messages without tool calls."""
    return [turn.content for turn in turns if turn.role == "assistant" and _is_text(turn)]


def _as_model_turn(reply: _Reply) -> Turn:
    return Turn(role="assistant", content=reply.model_dump_json(exclude_none=True))


def _message_in(text: str) -> str:
    """Return the message in a reply that is not the JSON that was asked for: the text without code fences, or the
    `message` field of a broken object; "" when the object has none."""
    text = re.sub(r"```\w*", "", text).strip()
    found = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)', text)
    return found.group(1) if found else ("" if text.startswith("{") else text)
