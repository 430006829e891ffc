"""The complete record: everything needed to replay, review and score again.

One trajectory per line with its task, proof, tools, turns, state difference, scores, human remarks and seeds. Clocks
and machines are left out, so the same seed with the reference teacher gives the same bytes in every sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.exporters._content import content_id
from engine.protocols import Converted
from engine.records import group_id
from engine.types import Frozen

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

    def convert(self, record: Mapping[str, Any]) -> Converted:
        """Return the one record of a trajectory."""
        named = {
            "schema": SCHEMA,
            "content_id": content_id(record["turns"], record["tools"]),
            "group_id": group_id(record),
        }
        return Converted([named | (dict(record) if self._with_clocks else _timeless(record))])

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Nothing stands beside the data."""
        return {}


def _timeless(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without machine and clock; its other parts are the very same objects."""
    left = {name: value for name, value in record.items() if name != "execution"}
    if left["calls"]:
        left["calls"] = [_without_seconds(call) for call in left["calls"]]
    if left["proof"]:
        left["proof"] = left["proof"] | {"turns": [_replayed(turn) for turn in left["proof"]["turns"]]}
    return left


def _replayed(turn: Mapping[str, Any]) -> dict[str, Any]:
    calls = [[{**call, "result": _without_seconds(call["result"])} for call in group] for group in turn["calls"]]
    return {**turn, "calls": calls}


def _without_seconds(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "seconds"}
