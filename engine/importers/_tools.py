"""Read the tools that a row offers, from any of the columns that formats use: as a list or its JSON text, in OpenAI's
nested form, flat or in MCP's form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError
from engine.importers._schemas import SchemaChanges, as_json_schema
from engine.importing.lines import check_depth, json_in, parsed
from engine.importing.report import Notes
from engine.reading.references import refers_to_itself
from engine.reading.schema import schema_problem
from engine.types import Tool

COLUMNS = ("tools", "tool_defs", "functions", "available_tools", "tool_definitions")
_PARAMETERS = ("parameters", "inputSchema", "input_schema")
_SETS, _TOOLS = 256, 1_024
_SHORT = 64
"""Longest text (in characters) that is parsed to see whether it stands for no tools."""
_NEXT = "Correct it and import again."


class _Function(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str
    description: str | None = None


class Offered(NamedTuple):
    """The tools of a row. `types` holds the type names that were mapped, by tool name and JSON pointer."""

    tools: tuple[Tool, ...] = ()
    types: Mapping[str, Mapping[str, Any]] = {}


class _ReadTool(NamedTuple):
    """One tool, the type names that were mapped in it, and the findings that each row with it adds to its Notes."""

    tool: Tool
    types: Mapping[str, Any]
    changed: frozenset[str]
    lost: frozenset[str]
    noted: tuple[str, ...]


def offered_in(row: Mapping[str, Any], where: str, notes: Notes) -> Offered:
    """Return the tools in the first of COLUMNS that is not empty. Raises InputError naming the field.

    These formats do not say whether a tool changes the workspace, so every tool counts as one that does.
    """
    texts = {name: text for name in COLUMNS if (text := _column_text(row.get(name)))}
    if not texts:
        return Offered()
    name, text = next(iter(texts.items()))
    notes.lost.update(other for other, other_text in texts.items() if other_text != text)
    try:
        found = _read_tools(text)
    except InputError as error:
        raise InputError(f"{where}, field {name}{error.where}", error.problem, error.next_move) from error
    for one in found:
        notes.changed |= one.changed
        notes.lost |= one.lost
        notes.noted += one.noted
    return Offered(tuple(one.tool for one in found), {one.tool.name: one.types for one in found if one.types})


def _column_text(value: Any) -> str:
    """Return a column's value as JSON text, "" when it stands for no tools."""
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
def _read_tools(text: str) -> tuple[_ReadTool, ...]:
    """Return the tools of one JSON text; cached, since the rows of a file share a few sets of tools."""
    value = json_in(text, "")
    if isinstance(value, dict) and ("name" in value or "function" in value):
        value = [value]
    if value is None:
        value = []
    items = [_decoded(one, n) for n, one in enumerate(value)] if isinstance(value, list) else None
    if items is None or not all(isinstance(item, dict) for item in items):
        raise InputError("", "is not a list of tools.", "Write a list of function schemas.")
    return tuple(_read_numbered(json.dumps(item), n) for n, item in enumerate(items))


def _decoded(item: Any, number: int) -> Any:
    return json_in(item, f".{number + 1}") if isinstance(item, str) else item


def _read_numbered(text: str, number: int) -> _ReadTool:
    try:
        return _read_tool(text)
    except InputError as error:
        raise InputError(f".{number + 1}{error.where}", error.problem, error.next_move) from error


@lru_cache(_TOOLS)
def _read_tool(text: str) -> _ReadTool:
    item = json.loads(text)
    schema = item.get("function") if "function" in item else item
    if not isinstance(schema, dict):
        raise InputError(", field function", "is no function schema.", _NEXT)
    function, notes, changes = parsed(_Function, schema, ""), Notes(), SchemaChanges()
    for key, value in (*item.items(), *(function.model_extra or {}).items()):
        if key not in ("type", "function", "name", "description", *_PARAMETERS) and value is not False:
            notes.lose(f"tools.{key}", value)
    _note_ignored_keys(item, schema, notes)
    parameters = as_json_schema(_parameters(schema), changes)
    _note_schema(function.name, parameters, changes, notes)
    tool = Tool(name=function.name, description=function.description or "", parameters=parameters, effect="write")
    return _ReadTool(tool, changes.types, frozenset(notes.changed), frozenset(notes.lost), tuple(notes.noted))


def _note_ignored_keys(item: Mapping[str, Any], schema: Mapping[str, Any], notes: Notes) -> None:
    """Note as lost a second parameter schema that differs from the one read, and keys beside a nested `function` that
    differ from those in it."""
    read = _parameters_key(schema)
    for key in _PARAMETERS:
        if read is not None and schema.get(key) != schema[read]:
            notes.lose(f"tools.{key}", schema.get(key))
    if schema is not item:
        inside = {**schema, **dict.fromkeys(_PARAMETERS, schema.get(read or ""))}
        for key in ("name", "description", *_PARAMETERS):
            if item.get(key) != inside.get(key):
                notes.lose(f"tools.{key}", item.get(key))


def _note_schema(name: str, parameters: Mapping[str, Any], changes: SchemaChanges, notes: Notes) -> None:
    """Note what was changed in a tool's schema, and whether arguments can be checked against it."""
    if changes.types:
        notes.changed.add("tool_types_mapped")
    if changes.padded:
        notes.changed.add("tool_nulls_dropped")
    for pointer in changes.unknown:
        notes.noted.append(
            f"tool {name}: {changes.types[pointer]!r} at {pointer or 'the top'} of its parameters is no type known "
            "here, so any value is allowed there"
        )
    problem = schema_problem(parameters)
    if problem is not None:
        notes.changed.add("tool_schema_not_checked")
        notes.noted.append(f"tool {name}: {problem}; its arguments are not checked and are edited as JSON")
    elif (itself := refers_to_itself(parameters)) is not None:
        notes.noted.append(f"tool {name}: its schema refers to itself ($ref {itself[:80]!r}), as it may")


def _parameters_key(schema: Mapping[str, Any]) -> str | None:
    """Return the key that holds a function's parameters."""
    return next((name for name in _PARAMETERS if schema.get(name) is not None), None)


def _parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function's parameter schema. Raises InputError when it is no object or nested too deeply."""
    key = _parameters_key(schema)
    if key is None:
        return {}
    value, where = schema[key], f", field {key}"
    if isinstance(value, str):
        value = json_in(value, where) if value.strip() else {}
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InputError(where, "is not an object.", "Write a JSON Schema.")
    check_depth(value, where)
    return value
