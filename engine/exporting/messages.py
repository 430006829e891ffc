"""Turns as chat messages in OpenAI's shape, in the spellings that consumers want."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.exporting.dialogue import Turns, fits_think_tags, with_think_tags
from engine.exporting.json import dumps
from engine.types import RecordTurn


@dataclass(frozen=True)
class MessageForm:
    """How a message is written.

    arguments: of calls, as objects or as JSON strings.
    reasoning: in the field `reasoning_content`, in think tags inside the content, or left out.
    flags: keys on each assistant message that say whether it is trained. weight: the same as 0 or 1 under `weight`.
    empty: the content of an assistant message that has calls and no text.
    text_beside_calls: False leaves the text of a message with calls out.
    names: a result names its tool.
    """

    arguments: Literal["object", "string"] = "object"
    reasoning: Literal["field", "think", "drop"] = "field"
    flags: tuple[str, ...] = ()
    weight: bool = False
    empty: str | None = ""
    text_beside_calls: bool = True
    names: bool = True

    def messages(self, turns: Turns) -> list[dict[str, Any]]:
        """Return the turns as messages."""
        messages: list[dict[str, Any]] = []
        for turn in turns:
            role = turn.role
            message: dict[str, Any] = {"role": role, "content": turn.content}
            messages.append(message)
            if role == "assistant":
                self._add_answer_fields(turn, message)
            elif role == "tool":
                message["tool_call_id"] = turn.tool_call_id
                if turn.name is not None and self.names:
                    message["name"] = turn.name
        return messages

    def lost(self, turns: Turns, found: set[str]) -> list[str]:
        """Return what these turns, with these `traits`, hold and the messages do not say."""
        lost: list[str] = [name for name in ("fault", "original") if name in found]
        if "reasoning" in found and not all([self._carries_reasoning(t.reasoning) for t in turns if t.reasoning]):
            lost.append("reasoning")
        if "beside" in found and not self.text_beside_calls:
            lost.append("text_beside_call")
        return lost

    def _carries_reasoning(self, reasoning: str) -> bool:
        """Return whether the row carries this reasoning."""
        return self.reasoning == "field" or (self.reasoning == "think" and fits_think_tags(reasoning))

    def _add_answer_fields(self, turn: RecordTurn, message: dict[str, Any]) -> None:
        reasoning, calls = turn.reasoning, turn.tool_calls
        if calls and not self.text_beside_calls:
            message["content"] = ""
        if reasoning and self._carries_reasoning(reasoning):
            if self.reasoning == "field":
                message["reasoning_content"] = reasoning
            elif not calls or self.text_beside_calls:
                message["content"] = with_think_tags(reasoning, message["content"])
        if calls:
            as_text = self.arguments == "string"
            message["tool_calls"] = [
                {
                    "id": c.id,
                    "type": "function",
                    "function": {"name": c.name, "arguments": dumps(c.arguments) if as_text else c.arguments},
                }
                for c in calls
            ]
            if not message["content"]:
                message["content"] = self.empty
        for flag in self.flags:
            message[flag] = turn.train
        if self.weight:
            message["weight"] = int(turn.train)
