"""The tools that a row offers: nested, flat or in MCP's shape; a list or the JSON text of one; in any of the columns
that formats keep them in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.importers._schemas import Found, cleaned
from engine.importing.lines import json_in, parsed, shallow
from engine.importing.report import Notes
from engine.reading.references import refers_to_itself
from engine.reading.schema import schema_problem
from engine.types import Tool

COLUMNS = ("tools", "tool_defs", "functions", "available_tools", "tool_definitions")
_PARAMETERS = ("parameters", "inputSchema", "input_schema")
_SETS, _TOOLS = 256, 1_024
_SHORT = 64
"""Characters of a text that may say that there are no tools."""
_NEXT = "Correct it and import again."


class _Function(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    description: str | None = None


class Offered(NamedTuple):
    """The tools of a row. `types` are the type names that were mapped, by tool and JSON pointer in its parameters."""

    tools: tuple[Tool, ...] = ()
    types: Mapping[str, Mapping[str, Any]] = {}


class _Read(NamedTuple):
    """One tool, the type names that were mapped in it, and what is to be noted of it."""

    tool: Tool
    types: Mapping[str, Any]
    changed: frozenset[str]
    lost: frozenset[str]
    noted: tuple[str, ...]


def offered_in(row: Mapping[str, Any], where: str, notes: Notes) -> Offered:
    """Return what a row offers: the first of the columns that holds something. Raises InputError.

    Whether a tool changes the workspace is not in these formats; it is taken to.
    """
    texts = {name: text for name in COLUMNS if (text := _text(row.get(name)))}
    if not texts:
        return Offered()
    name, text = next(iter(texts.items()))
    notes.lost.update(other for other, told in texts.items() if told != text)
    try:
        found = _set(text)
    except InputError as error:
        raise InputError(f"{where}, field {name}{error.where}", error.problem, error.next_move) from error
    for one in found:
        notes.changed |= one.changed
        notes.lost |= one.lost
        notes.noted += one.noted
    return Offered(tuple(one.tool for one in found), {one.tool.name: one.types for one in found if one.types})


def _text(value: Any) -> str:
    """Return a column's value as JSON text, "" when it offers nothing."""
    if isinstance(value, str):
        text = value.strip()
        return "" if len(text) <= _SHORT and _offers_nothing(text) else text
    return "" if _is_nothing(value) else json.dumps(value)


def _offers_nothing(text: str) -> bool:
    try:
        return not text or _is_nothing(json_in(text, ""))
    except InputError:
        return False


def _is_nothing(value: Any) -> bool:
    if isinstance(value, list):
        return all(one is None for one in value)
    return value is None or value is False or value in ("", {})


@lru_cache(_SETS)
def _set(text: str) -> tuple[_Read, ...]:
    """Return the tools of one JSON text; remembered, for the rows of a file share a few sets of a few tools."""
    value = json_in(text, "")
    if isinstance(value, dict) and ("name" in value or "function" in value):
        value = [value]
    if value is None:
        value = []
    items = [_decoded(one, n) for n, one in enumerate(value)] if isinstance(value, list) else None
    if items is None or not all(isinstance(item, dict) for item in items):
        raise InputError("", "is not a list of tools.", "Write a list of function schemas.")
    return tuple(_known(json.dumps(item), n) for n, item in enumerate(items))


def _decoded(item: Any, number: int) -> Any:
    return json_in(item, f".{number + 1}") if isinstance(item, str) else item


def _known(text: str, number: int) -> _Read:
    try:
        return _read(text)
    except InputError as error:
        raise InputError(f".{number + 1}{error.where}", error.problem, error.next_move) from error


@lru_cache(_TOOLS)
def _read(text: str) -> _Read:
    item = json.loads(text)
    told = item.get("function") if "function" in item else item
    if not isinstance(told, dict):
        raise InputError(", field function", "is no function schema.", _NEXT)
    function, notes, found = parsed(_Function, told, ""), Notes(), Found()
    for key, value in (*item.items(), *(function.model_extra or {}).items()):
        if key not in ("type", "function", "name", "description", *_PARAMETERS) and value is not False:
            notes.lose(f"tools.{key}", value)
    _note_beside(item, told, notes)
    parameters = cleaned(_parameters(told), found)
    _note(function.name, parameters, found, notes)
    tool = Tool(name=function.name, description=function.description or "", parameters=parameters, effect="write")
    return _Read(tool, found.types, frozenset(notes.changed), frozenset(notes.lost), tuple(notes.noted))


def _note_beside(item: Mapping[str, Any], told: Mapping[str, Any], notes: Notes) -> None:
    """Note a second schema that says something else, and what stands beside a nested function and not in it."""
    read = _key(told)
    for key in _PARAMETERS:
        if read is not None and told.get(key) != told[read]:
            notes.lose(f"tools.{key}", told.get(key))
    if told is not item:
        inside = {**told, **dict.fromkeys(_PARAMETERS, told.get(read or ""))}
        for key in ("name", "description", *_PARAMETERS):
            if item.get(key) != inside.get(key):
                notes.lose(f"tools.{key}", item.get(key))


def _note(name: str, parameters: Mapping[str, Any], found: Found, notes: Notes) -> None:
    """Note what was changed in a tool's schema, and whether arguments can be checked against it."""
    if found.types:
        notes.changed.add("tool_types_mapped")
    if found.padded:
        notes.changed.add("tool_nulls_dropped")
    for pointer in found.unknown:
        notes.noted.append(
            f"tool {name}: {found.types[pointer]!r} at {pointer or 'the top'} of its parameters is no type known here, "
            "so any value is allowed there"
        )
    problem = schema_problem(parameters)
    if problem is not None:
        notes.changed.add("tool_schema_not_checked")
        notes.noted.append(f"tool {name}: {problem}; its arguments are not checked and are edited as JSON")
    elif (itself := refers_to_itself(parameters)) is not None:
        notes.noted.append(f"tool {name}: its schema refers to itself ($ref {itself[:80]!r}), as it may")


def _key(told: Mapping[str, Any]) -> str | None:
    return next((name for name in _PARAMETERS if told.get(name) is not None), None)


def _parameters(told: Mapping[str, Any]) -> dict[str, Any]:
    key = _key(told)
    if key is None:
        return {}
    value, where = told[key], f", field {key}"
    if isinstance(value, str):
        value = json_in(value, where) if value.strip() else {}
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InputError(where, "is not an object.", "Write a JSON Schema.")
    shallow(value, where)
    return value
