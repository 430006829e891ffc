"""LLaMA-Factory sharegpt: human, gpt, function_call and observation in turn.

The format has no call ids, so calls get ids by position, and results belong to the preceding calls in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel

from engine.errors import InputError
from engine.examples import ImportExample
from engine.exporting.sharegpt import BETWEEN_RESULTS
from engine.importers._calls import call_of
from engine.importers._flags import ON_MESSAGE, SPANS, asks_training, spans_trained, trained
from engine.importers._rows import TrajectoryBuilder, decoded_list, with_row_flags, with_system
from engine.importers._thoughts import KEYS, reasoning_in, split_think_tags
from engine.importers._tools import offered_in
from engine.importing.lines import json_in, objects, parsed
from engine.importing.report import Notes, Report
from engine.types import Options, ToolCall, Trajectory, Turn

__all__ = ["LlamaFactory"]

_READ = frozenset(("from", "value", *KEYS, *ON_MESSAGE, *SPANS))


class Config(Options):
    """How ShareGPT rows are read."""

    thoughts: Literal["read", "keep"] = "read"
    """Think tags at the start of a turn become reasoning, or stay in the text."""


class _Message(BaseModel):
    speaker: Literal["system", "human", "gpt", "function_call", "observation"]
    value: str


class _Function(BaseModel):
    name: str
    arguments: dict[str, Any] | str | None = None


class _Row(BaseModel):
    conversations: list[dict[str, Any]]


class LlamaFactory:
    """Reads sharegpt rows."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str, report: Report | None = None) -> Iterator[Trajectory]:
        """Yield one trajectory per line. A bad line is set aside; without a report it raises InputError naming file,
        line and field."""
        rows, report = TrajectoryBuilder(), report or Report(strict=True)
        for number, value in objects(lines, name, report):
            where = f"{name}, line {number}"
            with report.record(number, where) as notes:
                turns = with_system(self._turns(value, where, notes), value, where, notes)
                offered = offered_in(value, where, notes)
                yield rows.trajectory(value, with_row_flags(value, turns, ("conversations",), notes), offered, where)

    def _turns(self, value: Mapping[str, Any], where: str, notes: Notes) -> list[Turn]:
        where = f"{where}, field conversations"
        given = {key: decoded_list(value[key], where, notes) for key in ("conversations",) if key in value}
        row = parsed(_Row, given, where.removesuffix(", field conversations"))
        if not row.conversations:
            raise InputError(where, "is empty.", "Drop the line.")
        turns: list[Turn] = []
        self._read(row.conversations, turns, where, notes)
        return turns

    def _read(self, conversations: list[dict[str, Any]], turns: list[Turn], where: str, notes: Notes) -> None:
        open_calls: tuple[ToolCall, ...] = ()
        for number, value in enumerate(conversations):
            place = f"{where}.{number + 1}"
            message = parsed(_Message, {"speaker": value.get("from"), "value": value.get("value")}, place)
            for key, more in value.items():
                if key not in _READ:
                    notes.lose(f"conversations.{key}", more)
            if message.speaker in ("human", "observation") and asks_training(value):
                notes.lost.add(f"training on a turn of the {message.speaker}")
            if message.speaker in ("human", "system", "observation"):
                for key in KEYS:
                    notes.lose(f"conversations.{key}", value.get(key))
            if message.speaker == "observation":
                turns += _result_turns(message.value, open_calls, place)
                open_calls = ()
            elif open_calls:
                raise InputError(place, "a function_call has no observation.", "Add the observation behind it.")
            elif message.speaker in ("human", "system"):
                turns.append(Turn(role="user" if message.speaker == "human" else "system", content=message.value))
            else:
                turn = self._answer_turn(message, place, number, notes)
                reasoning = reasoning_in(value, notes) or turn.reasoning
                if turn.reasoning != reasoning:
                    notes.lose("think tags beside other reasoning", turn.reasoning)
                wanted = trained(value, ON_MESSAGE, notes) and spans_trained(value, notes)
                changes = {"reasoning": reasoning, "train": wanted}
                turns.append(turn.model_copy(update=changes))
                open_calls = turn.tool_calls

    def _answer_turn(self, message: _Message, where: str, number: int, notes: Notes) -> Turn:
        text, reasoning = message.value, None
        is_call = message.speaker == "function_call"
        if is_call or self._config.thoughts == "read":
            reasoning, text = split_think_tags(text)
        if not is_call:
            return Turn(role="assistant", content=text, reasoning=reasoning)
        value = json_in(text, where)
        calls = [
            parsed(_Function, item if isinstance(item, dict) else {}, f"{where}, call {place}")
            for place, item in enumerate(value if isinstance(value, list) else [value], 1)
        ]
        if not calls:
            raise InputError(where, "holds no call.", "Write an object, or a list of them.")
        tool_calls = (
            call_of(call.name, call.arguments, f"call_{number}_{n}", f"{where}, call {n + 1}", notes)
            for n, call in enumerate(calls)
        )
        return Turn(role="assistant", reasoning=reasoning, tool_calls=tuple(tool_calls))


def _result_turns(text: str, calls: tuple[ToolCall, ...], where: str) -> list[Turn]:
    parts = text.split(BETWEEN_RESULTS) if len(calls) > 1 else [text]
    if len(parts) != len(calls):
        problem = f"{len(parts)} results stand behind {len(calls)} calls."
        raise InputError(where, problem, "Join the results of parallel calls with the tool_response separator.")
    return [
        Turn(role="tool", content=part, tool_call_id=call.id, name=call.name)
        for part, call in zip(parts, calls, strict=True)
    ]


EXAMPLE = ImportExample(
    rows=(
        {
            "conversations": [
                {"from": "human", "value": "a"},
                {
                    "from": "function_call",
                    "value": '<think>\nwhy\n</think>\n\n{"name": "look_up", "arguments": {"word": "a"}}',
                },
                {"from": "observation", "value": "x"},
                {"from": "gpt", "value": "b", "weight": 1},
            ],
            "tools": '[{"name": "look_up", "description": "Look a thing up.", "parameters": {"type": "object", '
            '"properties": {"word": {"type": "string"}, "most": {"type": "integer"}, "note": {"type": '
            '["string", "null"]}, "near": {"type": "object", "properties": {"lat": {"type": "number"}, "name": '
            '{"type": "string"}}}}, "required": ["word"]}}]',
        },
    )
)
