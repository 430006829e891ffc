"""Build trajectories from chat rows: what the columns beside the messages say becomes fields of a trajectory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.exporting.content import content_id
from engine.exporting.dialogue import FOREIGN_METADATA, UNMAPPED_METADATA, problem, to_last_answer
from engine.exporting.record import tool_of
from engine.importers._flags import ON_ROW, label_of, labels_of, trained, with_answers_masked
from engine.importers._messages import text_of
from engine.importers._tools import COLUMNS, Offered
from engine.importing.lines import check_depth, json_in, parsed
from engine.importing.report import Notes
from engine.types import Culprit, End, Mode, ModelRole, Outcome, Score, Status, Tool, Trajectory, Turn

SYSTEMS = ("system", "system_prompt")
_READ = frozenset((*COLUMNS, *SYSTEMS, *ON_ROW, "id", "group_id", "reward", "metadata"))


class Metadata(BaseModel):
    """The keys of the metadata string that are fields of a trajectory; other keys are kept as they are."""

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
    """Return (the metadata that we know, its other keys).

    Metadata that we did not write may use our names for something else, so only its domain is read. Raises InputError.
    """
    value = row.get("metadata")
    if not is_ours(row) and not _is_our_object(value):
        more = _foreign_metadata(value) or {}
        check_depth(more, where)
        fields = {"domain": more.pop("domain")} if isinstance(more.get("domain"), str) else {}
        return parsed(Metadata, fields, where), more
    if isinstance(value, str):
        value = json_in(value, where)
    if not isinstance(value, dict):
        raise InputError(where, "is not an object.", "Write an object, or one as a JSON string.")
    check_depth(value, where)
    read = parsed(Metadata, value, where)
    more = dict(read.model_extra or {})
    more.pop("label", None)
    given = more.pop(FOREIGN_METADATA, None)
    return read, more | (given if isinstance(given, dict) else {})


def _foreign_metadata(value: Any) -> dict[str, Any] | None:
    """Return metadata that is an object or the JSON text of one as an object, else None."""
    if isinstance(value, str):
        try:
            value = json_in(value, "")
        except InputError:
            return None
    return dict(value) if isinstance(value, dict) else None


def _is_our_object(value: Any) -> bool:
    """Return whether metadata was written by our exporters and then parsed into an object by another tool."""
    return isinstance(value, dict) and {"rollout", "batch", "domain_digest"} <= value.keys()


def decoded_list(value: Any, where: str, notes: Notes) -> Any:
    """Return a column's value, decoded where it is the JSON text of a list. Raises InputError for any other text."""
    if not isinstance(value, str) or not value.strip():
        return value
    found = json_in(value, where)
    if not isinstance(found, list):
        raise InputError(where, "holds no list.", "Write a list of messages, or one as a JSON string.")
    notes.changed.add("messages_decoded")
    return found


def is_ours(row: Mapping[str, Any]) -> bool:
    """Return whether our exporters wrote a row: only they name a rollout in the metadata string."""
    return '"rollout"' in row["metadata"] if isinstance(row.get("metadata"), str) else False


def matches_its_id(row: Mapping[str, Any], turns: Sequence[Turn], tools: Sequence[Tool]) -> bool:
    """Return whether a row's id is still the content id of these turns and tools."""
    return row.get("id") == content_id(turns, [tool_of(tool) for tool in tools])


def with_system(turns: list[Turn], row: Mapping[str, Any], where: str, notes: Notes) -> list[Turn]:
    """Return the turns with the system column as first turn, and several leading system turns joined into one.

    Where the messages have a system turn, that one is kept, and a column with another text is noted as lost. Raises
    InputError.
    """
    found = {name: text_of(row[name], f"{where}, field {name}", notes) for name in SYSTEMS if row.get(name)}
    head = next((n for n, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if head > 1:
        notes.changed.add("system_turns_joined")
        turns = [Turn(role="system", content="\n\n".join(turn.content for turn in turns[:head])), *turns[head:]]
    if head == 0 and found:
        turns = [Turn(role="system", content=next(iter(found.values()))), *turns]
    notes.lost.update(f"{name} beside a system turn" for name, text in found.items() if text != turns[0].content)
    return turns


def with_row_flags(row: Mapping[str, Any], turns: list[Turn], used: Iterable[str], notes: Notes) -> list[Turn]:
    """Return the turns, masked where a flag of the row says so. Note which columns are lost (all but those that are
    read, and `used`, those of the messages) and whether the dialogue can be exported."""
    if label_of(row) is False or not trained(row, ON_ROW, notes):
        turns = with_answers_masked(turns)
    known = _READ.union(used, labels_of(row))
    for key, value in row.items():
        if key not in known:
            notes.lose(key, value)
    if not is_ours(row) and _foreign_metadata(row.get("metadata")) is None:
        notes.lose("metadata", row.get("metadata"))
    if not _is_id(row.get("id")):
        notes.lose("id", row.get("id"))
    notes.held_back = _held_back_reason(turns)
    notes.untrained = any(turn.role == "assistant" and not turn.train for turn in turns)
    return turns


class TrajectoryBuilder:
    """Builds the trajectories of one file, with an index and an id that is unique in the file."""

    def __init__(self) -> None:
        self._count = 0
        self._ids: set[int] = set()  # hashes, so that a million rows take little memory

    def trajectory(self, row: Mapping[str, Any], turns: Sequence[Turn], offered: Offered, where: str) -> Trajectory:
        """Return the trajectory of a row. Raises InputError naming the field."""
        metadata, more = metadata_in(row, f"{where}, field metadata")
        check_depth(row.get("group_id"), f"{where}, field group_id")
        imported = {key: more.pop(key) for key in UNMAPPED_METADATA if key in more}
        imported |= {"group_id": row.get("group_id"), "more": more or None}
        imported |= {"label": label_of(row), "tool_types": dict(offered.types) or None}
        values = {name: getattr(metadata, name) for name in Metadata.model_fields if name != "batch"}
        values |= {
            "id": self._unused_id(row, turns, offered.tools),
            "index": self._count,
            "batch_fingerprint": metadata.batch,
            "tools": offered.tools,
            "turns": tuple(turns),
            "reward": row.get("reward"),
            "imported": {key: value for key, value in imported.items() if value is not None},
        }
        trajectory = parsed(Trajectory, values, where)
        self._count += 1
        return trajectory

    def _unused_id(self, row: Mapping[str, Any], turns: Sequence[Turn], tools: Sequence[Tool]) -> str:
        given = row.get("id")
        own_id = str(given) if _is_id(given) else content_id(turns, [tool_of(tool) for tool in tools])
        id, times = own_id, self._count
        while hash(id) in self._ids:
            id, times = f"{own_id}-{times}", times + 1
        self._ids.add(hash(id))
        return id


def _is_id(value: Any) -> bool:
    return bool(value) if isinstance(value, str) else isinstance(value, int) and not isinstance(value, bool)


def _held_back_reason(turns: Sequence[Turn]) -> str | None:
    """Return the reason why no chat format can export a dialogue as it is, or None."""
    spoken = to_last_answer(turns)
    if not spoken:
        return "no_assistant_turn"
    if not any(turn.role == "assistant" and turn.train for turn in spoken):
        return "nothing_to_train"
    return problem(spoken)
