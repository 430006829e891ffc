"""The complete record: everything needed to replay, review and score again.

One trajectory per line with its task, proof, tools, turns, state difference, scores and seeds. Clocks and machines are
left out, so the same seed with the reference teacher gives the same bytes in every sandbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.curate import content_id
from engine.exporters._report import Report
from engine.types import Frozen, Trajectory

__all__ = ["TrajectoryRecord"]

SCHEMA = "turnwright/trajectory/1"
_CALL_SECONDS = {"turns": {"__all__": {"calls": {"__all__": {"__all__": {"result": {"seconds"}}}}}}}
_CLOCKS: dict[str, Any] = {"execution": True, "calls": {"__all__": {"seconds"}}, "proof": _CALL_SECONDS}


class Config(Frozen):
    """`include_execution` adds sandbox, times and retries, which differ from machine to machine."""

    include_execution: bool = False


class TrajectoryRecord:
    """Writes whole records, also of two rollouts that say the same."""

    suffix = ".jsonl"
    keeps_duplicates = True

    def __init__(self, config: Config) -> None:
        self._exclude = None if config.include_execution else _CLOCKS
        self.report = Report(never_carried=() if config.include_execution else ("execution", "seconds"))

    def rows(self, trajectories: Iterable[Trajectory]) -> Iterator[dict[str, Any]]:
        """Yield one record per trajectory."""
        for trajectory in trajectories:
            self.report.trajectories += 1
            self.report.exported += 1
            self.report.rows += 1
            record = trajectory.model_dump(mode="json", exclude=self._exclude)
            yield {
                "schema": SCHEMA,
                "content_id": content_id(trajectory.turns, trajectory.tools),
                "group_id": trajectory.group_id,
            } | record

    def extra_files(self, splits: Mapping[str, str]) -> Mapping[str, bytes]:
        """Nothing stands beside the data."""
        return {}
