"""The complete record, as the trajectory exporter writes it. Nothing is lost or guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.errors import InputError
from engine.exporters.trajectory import SCHEMA
from engine.importers._lines import objects, parsed
from engine.types import Frozen, Trajectory

__all__ = ["TrajectoryRecord"]

_ADDED = ("schema", "content_id", "group_id")


class Config(Frozen):
    """No options: the record says everything."""


class TrajectoryRecord:
    """Reads whole records of this version."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str) -> Iterator[Trajectory]:
        """Yield one trajectory per line. Raises InputError naming file, line and field."""
        seen: dict[str, int] = {}
        for number, value in objects(lines, name):
            where = f"{name}, line {number}"
            if value.get("schema") != SCHEMA:
                told = f"is {value.get('schema')!r}, not {SCHEMA!r}."
                raise InputError(f"{where}, field schema", told, "Choose the format that wrote this file.")
            record = {key: item for key, item in value.items() if key not in _ADDED}
            trajectory = parsed(Trajectory, record, where)
            if trajectory.id in seen:
                told = f"{trajectory.id} stands in line {seen[trajectory.id]} already."
                raise InputError(f"{where}, field id", told, "Drop one of the two lines.")
            seen[trajectory.id] = number
            yield trajectory
