"""The complete record, as the trajectory exporter writes it. Nothing is lost or guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from engine.errors import InputError
from engine.exporters.trajectory import SCHEMA
from engine.importers._lines import objects, parsed
from engine.importers._report import Report
from engine.types import Frozen, Trajectory

__all__ = ["TrajectoryRecord"]

_ADDED = ("schema", "content_id", "group_id")


class Config(Frozen):
    """No options: the record says everything."""


class TrajectoryRecord:
    """Reads whole records of this version."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str, report: Report | None = None) -> Iterator[Trajectory]:
        """Yield one trajectory per line. A bad line is set aside; without a report it raises InputError naming file,
        line and field."""
        report = report or Report(strict=True)
        seen: dict[str, int] = {}
        for number, value in objects(lines, name, report):
            where = f"{name}, line {number}"
            with report.record(number, where):
                yield self._trajectory(value, seen, number, where)

    def _trajectory(self, value: dict[str, Any], seen: dict[str, int], number: int, where: str) -> Trajectory:
        if value.get("schema") != SCHEMA:
            told = f"is {value.get('schema')!r}, not {SCHEMA!r}."
            raise InputError(f"{where}, field schema", told, "Choose the format that wrote this file.")
        record = {key: item for key, item in value.items() if key not in _ADDED}
        trajectory = parsed(Trajectory, record, where)
        if trajectory.id in seen:
            told = f"{trajectory.id} stands in line {seen[trajectory.id]} already."
            raise InputError(f"{where}, field id", told, "Drop one of the two lines.")
        seen[trajectory.id] = number
        return trajectory
