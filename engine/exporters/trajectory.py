"""The complete record: everything needed to replay, review and score again.

One trajectory per line with its task, proof, tools, turns, state difference, scores, human remarks and seeds. Clocks
and machines are left out, so the same seed with the reference teacher gives the same bytes in every sandbox.

Rows are flat, so that every version of Arrow finds one type per column. Numbers and texts are written as they are, a
missing text as "". The fields of `AS_JSON` are written as JSON text: nested values, and seeds, which may exceed 63
bits. Attachments are written inside their turn, under the key `attachments`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from engine.exporting.content import content_id
from engine.exporting.dialogue import timeless
from engine.exporting.json import dumps, part_fields
from engine.types import (
    Converted,
    Options,
    Record,
    RecordAttachment,
    RecordPart,
    RecordProvenCall,
    RecordProvenTurn,
    RecordTool,
    RecordTurn,
)

__all__ = ["TrajectoryRecord"]

SCHEMA = "turnwright/trajectory/2"
NESTED_SCHEMA = "turnwright/trajectory/1"
"""The earlier schema: the same fields, nested instead of as JSON text."""
_SETS_KNOWN = 1_024
ADDED_FIELDS = ("schema", "content_id", "group_id")
"""Columns of a row that are no fields of a Trajectory."""
AS_JSON = (
    "seed", "models", "task", "proof", "tools", "turns", "begun", "diff", "tests_passed", "scores", "calls",
    "execution", "remarks", "imported",
)  # fmt: skip
MAY_BE_EMPTY = ("template", "mode", "culprit", "stage", "reason")
"""Optional texts of a trajectory: None is written as ""."""
ATTACHMENTS = "attachments"
"""Key of a written turn that holds its attachments."""
BEFORE_IMPORT = "before_import"
"""Key in `Trajectory.imported` of the id and index in the imported file, where the import had to give new ones."""


class Config(Options):
    """What a whole record holds."""

    include_execution: bool = False
    """Adds sandbox, times and retries, which differ from machine to machine."""


class TrajectoryRecord:
    """Writes whole records. It drops no duplicates."""

    suffix = ".jsonl"
    whole = True

    def __init__(self, config: Config) -> None:
        self._with_clocks = config.include_execution
        self.never_carried = () if config.include_execution else ("execution", "seconds")

    def convert(self, record: Record) -> Converted:
        """Return one row."""
        added = {"schema": SCHEMA, "content_id": content_id(record.turns, record.tools), "group_id": record.group_id}
        values = part_fields(record) if self._with_clocks else _fields_without_clocks(record)
        attachments = values.pop("attachments")
        values["turns"] = _with_attachments(record.turns, attachments)
        if BEFORE_IMPORT in record.imported:
            values |= record.imported[BEFORE_IMPORT]
            values["imported"] = {key: value for key, value in record.imported.items() if key != BEFORE_IMPORT}
        lost = ["attachments"] if any(one.turn >= len(record.turns) for one in attachments) else []
        return Converted([added | _flat_row(values)], lost=lost)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Return no extra files."""
        return {}


def _flat_row(values: dict[str, Any]) -> dict[str, Any]:
    """Return a record's fields as the columns of a row."""
    values["tools"] = _tools_json(tuple(values["tools"]))
    for name in AS_JSON:
        if name in values and name != "tools":
            values[name] = _json_text(values[name])
    for name in MAY_BE_EMPTY:
        values[name] = values[name] or ""
    return values


@lru_cache(_SETS_KNOWN)
def _tools_json(tools: tuple[RecordTool, ...]) -> str:
    """Return the JSON text of a set of tools; cached, since records share their tools."""
    return _json_text(tools)


def _json_text(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except OverflowError:  # an integer beyond 64 bits
        return dumps(value)


def _with_attachments(turns: Sequence[RecordTurn], attachments: Iterable[RecordAttachment]) -> Sequence[Any]:
    """Return the turns, those with attachments as dicts with a further key ATTACHMENTS."""
    by_turn: dict[int, list[dict[str, Any]]] = {}
    for one in attachments:
        values = part_fields(one)
        by_turn.setdefault(values.pop("turn"), []).append(values)
    if not by_turn:
        return turns
    return [part_fields(turn) | {ATTACHMENTS: by_turn[at]} if at in by_turn else turn for at, turn in enumerate(turns)]


def _fields_without_clocks(record: Record) -> dict[str, Any]:
    """Return the fields of a record without machine, execution and times."""
    values = part_fields(record)
    del values["execution"]
    values["calls"] = [_without_seconds(call) for call in record.calls]
    values["attachments"] = timeless(record.attachments)
    if record.proof:
        values["proof"] = part_fields(record.proof) | {
            "turns": [_proof_turn_without_seconds(turn) for turn in record.proof.turns]
        }
    return values


def _proof_turn_without_seconds(turn: RecordProvenTurn) -> dict[str, Any]:
    values = part_fields(turn)
    values["calls"] = [[_proven_call_without_seconds(one) for one in group] for group in turn.calls]
    if "user_calls" in values:
        values["user_calls"] = [_proven_call_without_seconds(one) for one in values["user_calls"]]
    return values


def _proven_call_without_seconds(one: RecordProvenCall) -> dict[str, Any]:
    return {"call": one.call, "result": _without_seconds(one.result)}


def _without_seconds(part: RecordPart) -> dict[str, Any]:
    values = part_fields(part)
    del values["seconds"]
    return values
