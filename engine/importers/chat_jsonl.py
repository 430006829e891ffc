"""Chat JSONL: messages with tool calls, as our exporter and most trainers' data have it.

Arguments may be an object or a JSON string, tools a list or a JSON string, and everything but the messages may be
missing. Rows of prompt and completion become dialogues whose prompt is masked. Turns that a row does not want trained
(weight 0, trainable false, loss_mask 0, masked true, label false and their like) are masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.examples import ImportExample
from engine.importers._calls import NULLS_DROPPED, with_paired_results
from engine.importers._flags import with_answers_masked
from engine.importers._messages import Reading, turn_of
from engine.importers._rows import TrajectoryBuilder, decoded_list, is_ours, matches_its_id, with_row_flags, with_system
from engine.importers._tools import Offered, offered_in
from engine.importing.lines import objects, parsed
from engine.importing.report import Notes, Report
from engine.types import Options, Trajectory, Turn

__all__ = ["ChatJsonl"]

_MESSAGES = ("messages",)
_DIALOGUE = ("prompt", "completion")
"""Read only where there are no messages; beside messages these columns are noted as lost."""


class Config(Options):
    """How chat rows are read."""

    reasoning: Literal["auto", "field", "think"] = "auto"
    """Where it stands: in a field of its own (under any of its names), in think tags at the start of the content, or
    either: think tags are read where there is no field and the row is not one of our own."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")

    messages: list[dict[str, Any]] | None = None
    prompt: list[dict[str, Any]] | None = None
    completion: list[dict[str, Any]] | None = None


class ChatJsonl:
    """Reads chat rows; calls without an id get one by position."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str, report: Report | None = None) -> Iterator[Trajectory]:
        """Yield one trajectory per line. A bad line is set aside; without a report it raises InputError naming file,
        line and field."""
        rows, report = TrajectoryBuilder(), report or Report(strict=True)
        for number, value in objects(lines, name, report):
            where = f"{name}, line {number}"
            with report.record(number, where) as notes:
                turns, offered, used = self._read(value, where, notes)
                yield rows.trajectory(value, with_row_flags(value, turns, used, notes), offered, where)

    def _read(self, value: Mapping[str, Any], where: str, notes: Notes) -> tuple[list[Turn], Offered, tuple[str, ...]]:
        """Return (turns, tools, names of the columns that hold the turns)."""
        names = _MESSAGES if value.get("messages") else (*_MESSAGES, *_DIALOGUE)
        given = {key: decoded_list(value.get(key), f"{where}, field {key}", notes) for key in names}
        row = parsed(_Row, given, where)
        offered = offered_in(value, where, notes)
        mode = self._config.reasoning
        tags = mode == "think" or (mode == "auto" and not is_ours(value))
        reading = Reading({tool.name: tool for tool in offered.tools}, notes, tags)
        turns = self._turns(row, where, reading)
        if NULLS_DROPPED in notes.changed and is_ours(value):
            # our ids hash the content: where the id fits the turns with their nulls, those nulls are no padding
            whole = self._turns(row, where, Reading(reading.tools, Notes(), tags, padded=False))
            if matches_its_id(value, whole, offered.tools):
                notes.changed.discard(NULLS_DROPPED)
                turns = whole
        return with_system(turns, value, where, notes), offered, _MESSAGES if row.messages else _DIALOGUE

    def _turns(self, row: _Row, where: str, reading: Reading) -> list[Turn]:
        if row.messages:
            found = _turns(row.messages, f"{where}, field messages", reading)
        elif row.prompt is not None and row.completion:
            prompt = with_answers_masked(_turns(row.prompt, f"{where}, field prompt", reading))
            found = prompt + _turns(row.completion, f"{where}, field completion", reading, start=len(prompt))
        else:
            raise InputError(f"{where}, field messages", "there is no message.", "Choose another format for this file.")
        return with_paired_results(found, reading.numbered, reading.notes)


def _turns(messages: list[dict[str, Any]], where: str, reading: Reading, start: int = 0) -> list[Turn]:
    return [turn_of(value, start + n, f"{where}.{n + 1}", reading) for n, value in enumerate(messages)]


_PARAMETERS = {
    "type": "object",
    "properties": {
        "word": {"type": "string"},
        "most": {"type": "integer"},
        "note": {"type": ["string", "null"]},
        "near": {"type": "object", "properties": {"lat": {"type": "number"}, "name": {"type": "string"}}},
    },
    "required": ["word"],
}
_LOOK_UP = {"name": "look_up", "description": "Look a thing up.", "parameters": _PARAMETERS}
_PADDED = {"word": "a", "most": None, "near": {"lat": 1.5}}
_ANSWERS: Sequence[dict[str, Any]] = (
    {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "look_up", "arguments": _PADDED}, "id": "c"}],
        "reasoning": "why",
        "weight": 1,
    },
    {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "look_up", "arguments": '{"word": "b"}'}}],
        "loss_scale": 0.5,
    },
    {"role": "assistant", "content": "<think>why</think>Done.", "train": False},
)
EXAMPLE = ImportExample(
    rows=(
        {
            "id": "a",
            "system": "Be short.",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                _ANSWERS[0],
                {"role": "tool", "tool_call_id": "c", "name": "look_up", "content": "x"},
                _ANSWERS[1],
                {"role": "function", "content": {"a": 1}},
                _ANSWERS[2],
            ],
            "tools": [{"type": "function", "function": _LOOK_UP}, {"name": "g", "inputSchema": {"type": "dict"}}],
            "label": True,
            "metadata": {"domain": "shop", "scores": []},
        },
    )
)
