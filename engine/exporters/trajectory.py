"""The complete record: everything needed to replay, review and score again.

One trajectory per line with its task, proof, tools, turns, state difference, scores, human remarks and seeds. Clocks
and machines are left out, so the same seed with the reference teacher gives the same bytes in every sandbox.

Rows are flat, so that any version of Arrow gives a column one type: numbers and texts stand as they are ("" for a text
that is not there), and the fields of `AS_JSON` as the text of their JSON: parts with fields of their own, and seeds,
which may need more than 63 bits. What stands beside a turn is written in it, as its `attachments`, where there are any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from engine.exporting.content import content_id
from engine.exporting.dialogue import timeless
from engine.exporting.json import dumps, part_fields
from engine.protocols import Converted
from engine.types import (
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
NESTED = "turnwright/trajectory/1"
"""The schema before: the same fields, each as a value of its own."""
_SETS_KNOWN = 1_024
ADDED = ("schema", "content_id", "group_id")
"""What stands in a row beside the fields of a Trajectory."""
AS_JSON = (
    "seed", "models", "task", "proof", "tools", "turns", "begun", "diff", "tests_passed", "scores", "calls",
    "execution", "remarks", "imported",
)  # fmt: skip
MAY_BE_EMPTY = ("template", "mode", "culprit", "stage", "reason")
"""Texts that a trajectory may be without."""
BESIDE = "attachments"
"""Key of a turn with what stands beside it."""
BEFORE = "before_import"
"""Key in `Trajectory.imported` of the id and index that a record left with, where the import had to give others."""


class Config(Options):
    """What a whole record holds."""

    include_execution: bool = False
    """Adds sandbox, times and retries, which differ from machine to machine."""


class TrajectoryRecord:
    """Writes whole records, also of two rollouts that say the same."""

    suffix = ".jsonl"

    def __init__(self, config: Config) -> None:
        self._with_clocks = config.include_execution
        self.never_carried = () if config.include_execution else ("execution", "seconds")

    def convert(self, record: Record) -> Converted:
        """Return the one record of a trajectory."""
        named = {"schema": SCHEMA, "content_id": content_id(record.turns, record.tools), "group_id": record.group_id}
        values = part_fields(record) if self._with_clocks else _timeless(record)
        beside = values.pop("attachments")
        values["turns"] = _with_attachments(record.turns, beside)
        if BEFORE in record.imported:
            values |= record.imported[BEFORE]
            values["imported"] = {key: value for key, value in record.imported.items() if key != BEFORE}
        lost = ["attachments"] if any(one.turn >= len(record.turns) for one in beside) else []
        return Converted([named | _flat(values)], lost=lost)

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Nothing stands beside the data."""
        return {}


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a record's fields."""
    values["tools"] = _tools(tuple(values["tools"]))
    for name in AS_JSON:
        if name in values and name != "tools":
            values[name] = _text(values[name])
    for name in MAY_BE_EMPTY:
        values[name] = values[name] or ""
    return values


@lru_cache(_SETS_KNOWN)
def _tools(tools: tuple[RecordTool, ...]) -> str:
    """Return the text of a set of tools; remembered, as records share them."""
    return _text(tools)


def _text(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except OverflowError:  # an integer beyond 64 bits
        return dumps(value)


def _with_attachments(turns: Sequence[RecordTurn], attachments: Iterable[RecordAttachment]) -> Sequence[Any]:
    """Return the turns, those with attachments as objects that hold them."""
    beside: dict[int, list[dict[str, Any]]] = {}
    for one in attachments:
        told = part_fields(one)
        beside.setdefault(told.pop("turn"), []).append(told)
    if not beside:
        return turns
    return [part_fields(turn) | {BESIDE: beside[at]} if at in beside else turn for at, turn in enumerate(turns)]


def _timeless(record: Record) -> dict[str, Any]:
    """Return the fields of a record without machine and clock."""
    left = part_fields(record)
    del left["execution"]
    left["calls"] = [_without_seconds(call) for call in record.calls]
    left["attachments"] = timeless(record.attachments)
    if record.proof:
        left["proof"] = part_fields(record.proof) | {"turns": [_replayed(turn) for turn in record.proof.turns]}
    return left


def _replayed(turn: RecordProvenTurn) -> dict[str, Any]:
    left = part_fields(turn)
    left["calls"] = [[_untimed(one) for one in group] for group in turn.calls]
    if "user_calls" in left:
        left["user_calls"] = [_untimed(one) for one in left["user_calls"]]
    return left


def _untimed(one: RecordProvenCall) -> dict[str, Any]:
    return {"call": one.call, "result": _without_seconds(one.result)}


def _without_seconds(part: RecordPart) -> dict[str, Any]:
    left = part_fields(part)
    del left["seconds"]
    return left
