"""From the columns beside the messages back to the fields of a trajectory; shared by the chat formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.exporting.content import content_id
from engine.exporting.dialogue import FOREIGN_METADATA, UNMAPPED_METADATA, problem, to_last_answer
from engine.exporting.record import tool_of
from engine.importers._flags import ON_ROW, label_of, labels_of, trained, untrained
from engine.importers._messages import text_of
from engine.importers._tools import COLUMNS, Offered
from engine.importing.lines import json_in, parsed, shallow
from engine.importing.report import Notes
from engine.types import Culprit, End, Mode, ModelRole, Outcome, Score, Status, Tool, Trajectory, Turn

SYSTEMS = ("system", "system_prompt")
_READ = frozenset((*COLUMNS, *SYSTEMS, *ON_ROW, "id", "group_id", "reward", "metadata"))


class Metadata(BaseModel):
    """What our exporters write into the metadata string; other keys are kept as they are."""

    model_config = ConfigDict(extra="allow")

    batch: str = ""
    domain: str = "imported"
    domain_digest: str = ""
    template: str | None = None
    mode: Mode | None = None
    attempt: int = 0
    seed: int = 0
    persona: str = ""
    teacher: str = "imported"
    user: str = "imported"
    models: dict[ModelRole, str] = {}
    status: Status = "kept"
    outcome: Outcome = "unmeasured"
    culprit: Culprit | None = None
    end: End = "done"
    scores: tuple[Score, ...] = ()


def metadata_in(row: Mapping[str, Any], where: str) -> tuple[Metadata, dict[str, Any]]:
    """Return what a row's metadata says of a trajectory, and its other keys.

    A stranger's metadata may use our names for something else, so only its domain is read. Raises InputError.
    """
    value = row.get("metadata")
    if not is_ours(row) and not _is_our_object(value):
        more = _object(value) or {}
        shallow(more, where)
        named = {"domain": more.pop("domain")} if isinstance(more.get("domain"), str) else {}
        return parsed(Metadata, named, where), more
    if isinstance(value, str):
        value = json_in(value, where)
    if not isinstance(value, dict):
        raise InputError(where, "is not an object.", "Write an object, or one as a JSON string.")
    shallow(value, where)
    read = parsed(Metadata, value, where)
    more = dict(read.model_extra or {})
    more.pop("label", None)
    given = more.pop(FOREIGN_METADATA, None)
    return read, more | (given if isinstance(given, dict) else {})


def _object(value: Any) -> dict[str, Any] | None:
    """Return a stranger's metadata when it is an object or the JSON text of one, else None."""
    if isinstance(value, str):
        try:
            value = json_in(value, "")
        except InputError:
            return None
    return dict(value) if isinstance(value, dict) else None


def _is_our_object(value: Any) -> bool:
    """Say whether metadata is what one of our exporters wrote, read from its text into an object by another tool."""
    return isinstance(value, dict) and {"rollout", "batch", "domain_digest"} <= value.keys()


def listed(value: Any, where: str, notes: Notes) -> Any:
    """Return a column that holds a list, also where it was written as the JSON text of one. Raises InputError."""
    if not isinstance(value, str) or not value.strip():
        return value
    found = json_in(value, where)
    if not isinstance(found, list):
        raise InputError(where, "holds no list.", "Write a list of messages, or one as a JSON string.")
    notes.changed.add("messages_decoded")
    return found


def is_ours(row: Mapping[str, Any]) -> bool:
    """Say whether one of our exporters wrote a row; a stranger's metadata names no rollout."""
    return '"rollout"' in row["metadata"] if isinstance(row.get("metadata"), str) else False


def is_intact(row: Mapping[str, Any], turns: Sequence[Turn], tools: Sequence[Tool]) -> bool:
    """Say whether a row says what it said when one of our exporters named it."""
    return row.get("id") == content_id(turns, [tool_of(tool) for tool in tools])


def with_system(turns: list[Turn], row: Mapping[str, Any], where: str, notes: Notes) -> list[Turn]:
    """Return the turns with the system column at their head. One that stands in the messages too holds; the column is
    then counted as lost, unless it says the same. Several system turns at the head become one. Raises InputError."""
    found = {name: text_of(row[name], f"{where}, field {name}", notes) for name in SYSTEMS if row.get(name)}
    head = next((n for n, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if head > 1:
        notes.changed.add("system_turns_joined")
        turns = [Turn(role="system", content="\n\n".join(turn.content for turn in turns[:head])), *turns[head:]]
    if head == 0 and found:
        turns = [Turn(role="system", content=next(iter(found.values()))), *turns]
    notes.lost.update(f"{name} beside a system turn" for name, text in found.items() if text != turns[0].content)
    return turns


def finished(row: Mapping[str, Any], turns: list[Turn], used: Iterable[str], notes: Notes) -> list[Turn]:
    """Return the turns with what the row says of all of them, and note the columns that are not carried. `used` are
    those that the turns were read from."""
    if label_of(row) is False or not trained(row, ON_ROW, notes):
        turns = untrained(turns)
    known = _READ.union(used, labels_of(row))
    for key, value in row.items():
        if key not in known:
            notes.lose(key, value)
    if not is_ours(row) and _object(row.get("metadata")) is None:
        notes.lose("metadata", row.get("metadata"))
    if not _is_id(row.get("id")):
        notes.lose("id", row.get("id"))
    notes.held_back = _held_back(turns)
    notes.untrained = any(turn.role == "assistant" and not turn.train for turn in turns)
    return turns


class Rows:
    """Builds trajectories of one file: gives each its index and an id that no other row of the file has."""

    def __init__(self) -> None:
        self._count = 0
        self._ids: set[int] = set()  # hashes, so that a million rows take little memory

    def trajectory(self, row: Mapping[str, Any], turns: Sequence[Turn], offered: Offered, where: str) -> Trajectory:
        """Return the trajectory of a row. Raises InputError naming the field."""
        beside, more = metadata_in(row, f"{where}, field metadata")
        shallow(row.get("group_id"), f"{where}, field group_id")
        imported = {key: more.pop(key) for key in UNMAPPED_METADATA if key in more}
        imported |= {"group_id": row.get("group_id"), "more": more or None}
        imported |= {"label": label_of(row), "tool_types": dict(offered.types) or None}
        values = {name: getattr(beside, name) for name in Metadata.model_fields if name != "batch"}
        values |= {
            "id": self._fresh_id(row, turns, offered.tools),
            "index": self._count,
            "batch_fingerprint": beside.batch,
            "tools": offered.tools,
            "turns": tuple(turns),
            "reward": row.get("reward"),
            "imported": {key: value for key, value in imported.items() if value is not None},
        }
        made = parsed(Trajectory, values, where)
        self._count += 1
        return made

    def _fresh_id(self, row: Mapping[str, Any], turns: Sequence[Turn], tools: Sequence[Tool]) -> str:
        given = row.get("id")
        named = str(given) if _is_id(given) else content_id(turns, [tool_of(tool) for tool in tools])
        id, times = named, self._count
        while hash(id) in self._ids:
            id, times = f"{named}-{times}", times + 1
        self._ids.add(hash(id))
        return id


def _is_id(value: Any) -> bool:
    return bool(value) if isinstance(value, str) else isinstance(value, int) and not isinstance(value, bool)


def _held_back(turns: Sequence[Turn]) -> str | None:
    """Return why no chat format takes a dialogue as it is, or None."""
    spoken = to_last_answer(turns)
    if not spoken:
        return "no_assistant_turn"
    if not any(turn.role == "assistant" and turn.train for turn in spoken):
        return "nothing_to_train"
    return problem(spoken)
