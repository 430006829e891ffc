"""From the columns beside the messages back to the fields of a trajectory; shared by the chat formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.exporters._content import content_id
from engine.exporters._dialogue import BESIDE
from engine.importers._lines import json_in, parsed
from engine.records import tool_of
from engine.types import Culprit, End, Mode, ModelRole, Outcome, Score, Status, Tool, Trajectory, Turn


class _Function(BaseModel):
    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


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


def metadata_in(value: Any, where: str) -> Metadata:
    """Return a row's metadata: a JSON string, an object, or nothing. Raises InputError."""
    if isinstance(value, str):
        value = json_in(value, where) if value else {}
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InputError(where, "is not an object.", "Write an object, or one as a JSON string.")
    return parsed(Metadata, value, where)


def tools_in(value: Any, where: str) -> tuple[Tool, ...]:
    """Return the offered tools: nested or flat, a list or a JSON string of one. Raises InputError.

    Whether a tool changes the workspace is not in these formats; it is taken to.
    """
    if isinstance(value, str):
        value = json_in(value, where) if value.strip() else []
    if value is None:
        value = []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError(where, "is not a list of tools.", "Write a list of function schemas.")
    found = [parsed(_Function, item.get("function", item), f"{where}[{n}]") for n, item in enumerate(value)]
    return tuple(Tool(**function.model_dump(), effect="write") for function in found)


class Rows:
    """Builds trajectories of one file: gives each its index and an id that no other row of the file has."""

    def __init__(self) -> None:
        self._count = 0
        self._ids: set[str] = set()

    def trajectory(self, row: dict[str, Any], turns: Sequence[Turn], tools: tuple[Tool, ...], where: str) -> Trajectory:
        """Return the trajectory of a row. Raises InputError naming the field."""
        beside = metadata_in(row.get("metadata"), f"{where}, field metadata")
        more = dict(beside.model_extra or {})
        known = {key: more.pop(key) for key in BESIDE if key in more}
        more.pop("label", None)
        imported = known | {"group_id": row.get("group_id")} | ({"more": more} if more else {})
        values = {name: getattr(beside, name) for name in Metadata.model_fields if name != "batch"}
        values |= {
            "id": self._fresh_id(row, turns, tools),
            "index": self._count,
            "batch_fingerprint": beside.batch,
            "tools": tools,
            "turns": tuple(turns),
            "reward": row.get("reward"),
            "imported": {key: value for key, value in imported.items() if value is not None},
        }
        self._count += 1
        return parsed(Trajectory, values, where)

    def _fresh_id(self, row: dict[str, Any], turns: Sequence[Turn], tools: Sequence[Tool]) -> str:
        given = row.get("id")
        id = given if isinstance(given, str) and given else content_id(turns, [tool_of(tool) for tool in tools])
        if id in self._ids:
            id = f"{id}-{self._count}"
        self._ids.add(id)
        return id
