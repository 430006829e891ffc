"""Chat JSONL: messages with tool calls, as our exporter and most trainers' data have it.

Arguments may be an object or a JSON string, tools a list or a JSON string, and everything but the messages may be
missing. Rows of prompt and completion become dialogues whose prompt is masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.importers._lines import json_in, objects, parsed
from engine.importers._rows import Rows, tools_in
from engine.types import Frozen, ToolCall, Trajectory, Turn

__all__ = ["ChatJsonl"]

_THOUGHT = ("<think>\n", "\n</think>\n\n")


class Config(Frozen):
    """`reasoning`: where it is, in its own field or in think tags at the start of the content."""

    reasoning: Literal["field", "think"] = "field"


class _Called(BaseModel):
    name: str
    arguments: dict[str, Any] | str = {}


class _Call(BaseModel):
    id: str | None = None
    function: _Called


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    train: bool | None = None
    loss: bool | None = None


class _Row(BaseModel):
    model_config = ConfigDict(extra="allow")

    messages: list[dict[str, Any]] | None = None
    prompt: list[dict[str, Any]] | None = None
    completion: list[dict[str, Any]] | None = None


class ChatJsonl:
    """Reads chat rows; ids that are missing are given by position."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str) -> Iterator[Trajectory]:
        """Yield one trajectory per line. Raises InputError naming file, line and field."""
        rows = Rows()
        for number, value in objects(lines, name):
            where = f"{name}, line {number}"
            turns = self._turns(parsed(_Row, value, where), where)
            tools = tools_in(value.get("tools"), f"{where}, field tools")
            yield rows.trajectory(value, turns, tools, where)

    def _turns(self, row: _Row, where: str) -> list[Turn]:
        if row.messages:
            return self._read(row.messages, f"{where}, field messages")
        if row.prompt is not None and row.completion:
            prompt = self._read(row.prompt, f"{where}, field prompt")
            masked = [t.model_copy(update={"train": False}) if t.role == "assistant" else t for t in prompt]
            return masked + self._read(row.completion, f"{where}, field completion", start=len(prompt))
        raise InputError(f"{where}, field messages", "there is no message.", "Choose another format for this file.")

    def _read(self, messages: list[dict[str, Any]], where: str, start: int = 0) -> list[Turn]:
        found: list[Turn] = []
        for number, value in enumerate(messages):
            place = f"{where}[{number}]"
            found.append(self._turn(parsed(_Message, value, place), place, start + number))
        return found

    def _turn(self, message: _Message, where: str, number: int) -> Turn:
        content, reasoning = message.content or "", message.reasoning_content
        if self._config.reasoning == "think" and message.role == "assistant":
            content, reasoning = _thought(content, reasoning)
        calls = tuple(
            _call(call, f"call_{number}_{place}", f"{where}.tool_calls[{place}]")
            for place, call in enumerate(message.tool_calls or ())
        )
        flags = [flag for flag in (message.train, message.loss) if flag is not None]
        return Turn(
            role=message.role,
            content=content,
            reasoning=reasoning,
            tool_calls=calls,
            tool_call_id=message.tool_call_id,
            name=message.name,
            train=all(flags),
        )


def _thought(content: str, reasoning: str | None) -> tuple[str, str | None]:
    opening, closing = _THOUGHT
    thought, found, rest = content.removeprefix(opening).partition(closing)
    return (rest, thought) if found and content.startswith(opening) else (content, reasoning)


def _call(call: _Call, fallback: str, where: str) -> ToolCall:
    arguments = call.function.arguments
    if isinstance(arguments, str):
        arguments = json_in(arguments, f"{where}.function.arguments") if arguments.strip() else {}
        if not isinstance(arguments, dict):
            raise InputError(f"{where}.function.arguments", "is not an object.", "Write an object.")
    return ToolCall(id=call.id or fallback, name=call.function.name, arguments=arguments)
