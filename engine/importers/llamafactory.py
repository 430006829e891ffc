"""LLaMA-Factory sharegpt: human, gpt, function_call and observation in turn.

The format keeps no ids, so calls get ids by position and results belong to the calls before them, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel

from engine.errors import InputError
from engine.exporters.llamafactory import BETWEEN_RESULTS
from engine.importers._lines import json_in, objects, parsed
from engine.importers._rows import Rows, tools_in
from engine.types import Frozen, ToolCall, Trajectory, Turn

__all__ = ["LlamaFactory"]

_THOUGHT = ("<think>\n", "\n</think>\n\n")


class Config(Frozen):
    """`thoughts`: think tags at the start of a turn become reasoning, or stay in the text."""

    thoughts: Literal["read", "keep"] = "read"


class _Said(BaseModel):
    speaker: Literal["system", "human", "gpt", "function_call", "observation"]
    value: str


class _Called(BaseModel):
    name: str
    arguments: dict[str, Any] = {}


class _Row(BaseModel):
    conversations: list[dict[str, Any]]
    system: str | None = None


class LlamaFactory:
    """Reads sharegpt rows."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str) -> Iterator[Trajectory]:
        """Yield one trajectory per line. Raises InputError naming file, line and field."""
        rows = Rows()
        for number, value in objects(lines, name):
            where = f"{name}, line {number}"
            row = parsed(_Row, value, where)
            if not row.conversations:
                raise InputError(f"{where}, field conversations", "is empty.", "Drop the line.")
            turns = [Turn(role="system", content=row.system)] if row.system else []
            self._read(row.conversations, turns, f"{where}, field conversations")
            tools = tools_in(value.get("tools"), f"{where}, field tools")
            yield rows.trajectory(value, turns, tools, where)

    def _read(self, conversations: list[dict[str, Any]], turns: list[Turn], where: str) -> None:
        waiting: tuple[ToolCall, ...] = ()
        for number, value in enumerate(conversations):
            place = f"{where}[{number}]"
            said = parsed(_Said, {"speaker": value.get("from"), "value": value.get("value")}, place)
            if said.speaker == "observation":
                turns += _results(said.value, waiting, place)
                waiting = ()
            elif waiting:
                raise InputError(place, "a function_call has no observation.", "Add the observation behind it.")
            elif said.speaker in ("human", "system"):
                turns.append(Turn(role="user" if said.speaker == "human" else "system", content=said.value))
            else:
                turn = self._answer(said, place, number)
                turns.append(turn)
                waiting = turn.tool_calls

    def _answer(self, said: _Said, where: str, number: int) -> Turn:
        text, reasoning = said.value, None
        opening, closing = _THOUGHT
        is_call = said.speaker == "function_call"
        if text.startswith(opening) and closing in text and (is_call or self._config.thoughts == "read"):
            reasoning, _, text = text.removeprefix(opening).partition(closing)
        if not is_call:
            return Turn(role="assistant", content=text, reasoning=reasoning)
        value = json_in(text, where)
        calls = [
            parsed(_Called, item if isinstance(item, dict) else {}, f"{where}, call {place}")
            for place, item in enumerate(value if isinstance(value, list) else [value])
        ]
        if not calls:
            raise InputError(where, "holds no call.", "Write an object, or a list of them.")
        ids = (ToolCall(id=f"call_{number}_{n}", **call.model_dump()) for n, call in enumerate(calls))
        return Turn(role="assistant", reasoning=reasoning, tool_calls=tuple(ids))


def _results(text: str, calls: tuple[ToolCall, ...], where: str) -> list[Turn]:
    parts = text.split(BETWEEN_RESULTS) if len(calls) > 1 else [text]
    if len(parts) != len(calls):
        told = f"{len(parts)} results stand behind {len(calls)} calls."
        raise InputError(where, told, "Join the results of parallel calls with the tool_response separator.")
    return [
        Turn(role="tool", content=part, tool_call_id=call.id, name=call.name)
        for part, call in zip(parts, calls, strict=True)
    ]
