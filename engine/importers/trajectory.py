"""The complete record, as the trajectory exporter writes it or wrote it. Nothing is lost or guessed.

The order of the file stays. Where several batches stand in it, or one that ran twice, an index that was given already
and an id that was given already are replaced, and so is an index that is too large to store; a record that is exported
again leaves with those that it came with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from engine.errors import InputError
from engine.exporters.trajectory import (
    ADDED_FIELDS,
    AS_JSON,
    ATTACHMENTS,
    BEFORE_IMPORT,
    MAY_BE_EMPTY,
    NESTED_SCHEMA,
    SCHEMA,
)
from engine.importing.lines import json_in, objects, parsed
from engine.importing.report import Report
from engine.types import Attachment, Options, Trajectory

__all__ = ["TrajectoryRecord"]

_INDEXES = 1 << 62
"""Indexes from here on are replaced: a database holds 63 bits, and the records behind need higher ones."""
_MOST_TOKENS = 1 << 40
"""Tokens of one record. A batch adds up millions of records in 63 bits."""


class Config(Options):
    """There is nothing to set: the record says everything."""


class TrajectoryRecord:
    """Reads whole records of this version and the one before."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str, report: Report | None = None) -> Iterator[Trajectory]:
        """Yield one trajectory per line. A bad line is set aside; without a report it raises InputError naming file,
        line and field."""
        places, report = _Places(), report or Report(strict=True)
        for number, value in objects(lines, name, report):
            where = f"{name}, line {number}"
            with report.record(number, where):
                made = parsed(Trajectory, _record(value, where), where)
                _countable(made, where)
                yield places.placed(made)


def _record(row: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the fields of a trajectory that a row holds."""
    schema = row.get("schema")
    if schema not in (SCHEMA, NESTED_SCHEMA):
        told = f"is {schema!r}, not {SCHEMA!r} or {NESTED_SCHEMA!r}."
        raise InputError(f"{where}, field schema", told, "Choose the format that wrote this file.")
    record = {key: value for key, value in row.items() if key not in ADDED_FIELDS}
    if schema == SCHEMA:
        for field in AS_JSON:
            if field in record:
                record[field] = _value(record[field], f"{where}, field {field}")
        for field in MAY_BE_EMPTY:
            record[field] = record.get(field) or None
    if beside := _attachments(record.get("turns"), where):
        record[ATTACHMENTS] = beside
    return record


def _attachments(turns: Any, where: str) -> list[Attachment]:
    """Take the attachments out of the turns of a row and return them. Raises InputError naming turn and field."""
    found = []
    for at, turn in enumerate(turns if isinstance(turns, list) else ()):
        beside = turn.pop(ATTACHMENTS, ()) if isinstance(turn, dict) else ()
        if not isinstance(beside, list | tuple) or not all(isinstance(one, dict) for one in beside):
            told = f"{where}, field turns.{at + 1}.{ATTACHMENTS}"
            raise InputError(told, "is no list of objects.", "Correct it and import again.")
        for number, one in enumerate(beside, 1):
            found.append(parsed(Attachment, {**one, "turn": at}, f"{where}, turn {at + 1}, attachment {number}"))
    return found


def _countable(trajectory: Trajectory, where: str) -> None:
    """Raises InputError when the calls of a record took more tokens than a batch can count."""
    counts = [count or 0 for call in trajectory.calls for count in (call.prompt_tokens, call.completion_tokens)]
    if sum(map(abs, counts)) > _MOST_TOKENS:
        told = f"counts more than {_MOST_TOKENS} tokens in all."
        raise InputError(f"{where}, field calls", told, "Correct the counts and import again.")


def _value(text: Any, where: str) -> Any:
    if not isinstance(text, str):
        raise InputError(where, "is not the text of a JSON value.", "Correct it and import again.")
    return json_in(text, where)


class _Places:
    """Gives the records of one file their ids, each once, and indexes that rise."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._last = -1

    def placed(self, trajectory: Trajectory) -> Trajectory:
        """Return the trajectory in its place, with what it came with beside it where that had to change."""
        given = trajectory.index if trajectory.index < _INDEXES else 0
        id, index = self._fresh(trajectory.id), max(given, self._last + 1)
        self._ids.add(id)
        self._last = index
        imported = {key: value for key, value in trajectory.imported.items() if key != BEFORE_IMPORT}
        if (id, index) != (trajectory.id, trajectory.index):
            imported[BEFORE_IMPORT] = {"id": trajectory.id, "index": trajectory.index}
        return trajectory.model_copy(update={"id": id, "index": index, "imported": imported})

    def _fresh(self, id: str) -> str:
        number, found = 1, id
        while found in self._ids:
            number += 1
            found = f"{id}-{number}"
        return found
