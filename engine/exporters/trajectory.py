"""The complete record: everything needed to replay, review and score again.

One trajectory per line with its task, proof, tools, turns, state difference, scores, human remarks and seeds. Clocks
and machines are left out, so the same seed with the reference teacher gives the same bytes in every sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.exporters._content import content_id
from engine.protocols import Converted
from engine.records import fields
from engine.types import Frozen, ModelCall, ProvenTurn, ToolResult, Trajectory

__all__ = ["TrajectoryRecord"]

SCHEMA = "turnwright/trajectory/1"


class Config(Frozen):
    """`include_execution` adds sandbox, times and retries, which differ from machine to machine."""

    include_execution: bool = False


class TrajectoryRecord:
    """Writes whole records, also of two rollouts that say the same."""

    suffix = ".jsonl"

    def __init__(self, config: Config) -> None:
        self._with_clocks = config.include_execution
        self.never_carried = () if config.include_execution else ("execution", "seconds")

    def convert(self, record: Trajectory) -> Converted:
        """Return the one record of a trajectory."""
        named = {"schema": SCHEMA, "content_id": content_id(record.turns, record.tools), "group_id": record.group_id}
        return Converted([named | (fields(record) if self._with_clocks else _timeless(record))])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Nothing stands beside the data."""
        return {}


def _timeless(record: Trajectory) -> dict[str, Any]:
    """Return the fields of a record without machine and clock."""
    left = fields(record)
    del left["execution"]
    left["calls"] = [_without_seconds(call) for call in record.calls]
    if record.proof:
        left["proof"] = fields(record.proof) | {"turns": [_replayed(turn) for turn in record.proof.turns]}
    return left


def _replayed(turn: ProvenTurn) -> dict[str, Any]:
    calls = [[{"call": one.call, "result": _without_seconds(one.result)} for one in group] for group in turn.calls]
    return fields(turn) | {"calls": calls}


def _without_seconds(part: ModelCall | ToolResult) -> dict[str, Any]:
    left = fields(part)
    del left["seconds"]
    return left
