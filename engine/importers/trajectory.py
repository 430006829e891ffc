"""The complete record, as the trajectory exporter writes it or wrote it. Nothing is lost or guessed.

The order of the file stays. An id that occurs twice (several batches in one file, or one that ran twice) and an index
that does not rise, or is too large to store, are replaced; a later export writes the original ones again.
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
"""Indexes from here on are replaced: a database holds 63 bits, and the records that follow need higher indexes."""
_MOST_TOKENS = 1 << 40
"""Largest sum of tokens of one record, since a batch adds up millions of records in 63 bits."""


class Config(Options):
    """There is nothing to set: the record says everything."""


class TrajectoryRecord:
    """Reads whole records of the current and the earlier schema."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def trajectories(self, lines: Iterable[bytes], name: str, report: Report | None = None) -> Iterator[Trajectory]:
        """Yield one trajectory per line. A bad line is set aside; without a report it raises InputError naming file,
        line and field."""
        numbering, report = _Numbering(), report or Report(strict=True)
        for number, value in objects(lines, name, report):
            where = f"{name}, line {number}"
            with report.record(number, where):
                trajectory = parsed(Trajectory, _trajectory_fields(value, where), where)
                _check_token_counts(trajectory, where)
                yield numbering.numbered(trajectory)


def _trajectory_fields(row: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a row as the fields of a trajectory. Raises InputError for an unknown schema and for broken JSON texts."""
    schema = row.get("schema")
    if schema not in (SCHEMA, NESTED_SCHEMA):
        problem = f"is {schema!r}, not {SCHEMA!r} or {NESTED_SCHEMA!r}."
        raise InputError(f"{where}, field schema", problem, "Choose the format that wrote this file.")
    record = {key: value for key, value in row.items() if key not in ADDED_FIELDS}
    if schema == SCHEMA:
        for field in AS_JSON:
            if field in record:
                record[field] = _json_value(record[field], f"{where}, field {field}")
        for field in MAY_BE_EMPTY:
            record[field] = record.get(field) or None
    if attachments := _take_attachments(record.get("turns"), where):
        record[ATTACHMENTS] = attachments
    return record


def _take_attachments(turns: Any, where: str) -> list[Attachment]:
    """Remove the attachments from a row's turns and return them. Raises InputError naming turn and field."""
    found = []
    for at, turn in enumerate(turns if isinstance(turns, list) else ()):
        attachments = turn.pop(ATTACHMENTS, ()) if isinstance(turn, dict) else ()
        if not isinstance(attachments, list | tuple) or not all(isinstance(one, dict) for one in attachments):
            field = f"{where}, field turns.{at + 1}.{ATTACHMENTS}"
            raise InputError(field, "is no list of objects.", "Correct it and import again.")
        for number, one in enumerate(attachments, 1):
            found.append(parsed(Attachment, {**one, "turn": at}, f"{where}, turn {at + 1}, attachment {number}"))
    return found


def _check_token_counts(trajectory: Trajectory, where: str) -> None:
    """Raises InputError when the calls of a record took more tokens than a batch can count."""
    counts = [count or 0 for call in trajectory.calls for count in (call.prompt_tokens, call.completion_tokens)]
    if sum(map(abs, counts)) > _MOST_TOKENS:
        problem = f"counts more than {_MOST_TOKENS} tokens in all."
        raise InputError(f"{where}, field calls", problem, "Correct the counts and import again.")


def _json_value(text: Any, where: str) -> Any:
    if not isinstance(text, str):
        raise InputError(where, "is not the text of a JSON value.", "Correct it and import again.")
    return json_in(text, where)


class _Numbering:
    """Gives the records of one file unique ids and rising indexes."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._last = -1

    def numbered(self, trajectory: Trajectory) -> Trajectory:
        """Return the trajectory with its id and index, the original ones in `imported` where they had to change."""
        given = trajectory.index if trajectory.index < _INDEXES else 0
        id, index = self._unused_id(trajectory.id), max(given, self._last + 1)
        self._ids.add(id)
        self._last = index
        imported = {key: value for key, value in trajectory.imported.items() if key != BEFORE_IMPORT}
        if (id, index) != (trajectory.id, trajectory.index):
            imported[BEFORE_IMPORT] = {"id": trajectory.id, "index": trajectory.index}
        return trajectory.model_copy(update={"id": id, "index": index, "imported": imported})

    def _unused_id(self, id: str) -> str:
        number, found = 1, id
        while found in self._ids:
            number += 1
            found = f"{id}-{number}"
        return found
