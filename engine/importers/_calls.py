"""Read the tool calls of a row, whose arguments may be an object, JSON text or broken, and pair results with calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import InputError
from engine.importing.lines import check_depth, json_in
from engine.importing.report import Notes
from engine.reading.schema import allows_null
from engine.types import Tool, ToolCall, Turn

_ENCODED = 3
"""How many times arguments may be encoded as JSON text, one inside the other."""
NULLS_DROPPED = "null_arguments_dropped"


def call_of(name: str, arguments: Any, id: str, where: str, notes: Notes) -> ToolCall:
    """Return a call. Arguments that are no JSON object are kept unchanged as `raw`. Raises InputError for arguments
    that are nested too deeply."""
    if arguments is None:
        return ToolCall(id=id, name=name)
    if isinstance(arguments, str):
        value = _decoded_arguments(arguments, notes)
        if not isinstance(value, dict):
            notes.changed.add("broken_arguments_kept_raw")
            notes.noted.append(f"the arguments of a call of {name} are no JSON object; they are kept as they are")
            return ToolCall(id=id, name=name, raw=arguments)
        arguments = value
    check_depth(arguments, where)
    return ToolCall(id=id, name=name, arguments=arguments)


def _decoded_arguments(text: str, notes: Notes) -> Any:
    """Return the JSON value of a text, {} for an empty one, and None when it is no JSON or is encoded too often."""
    value: Any = text if text.strip() else "{}"
    for times in range(_ENCODED):
        try:
            value = json_in(value, "")
        except InputError:
            return None
        if not isinstance(value, str):
            if times:
                notes.changed.add("arguments_encoded_twice")
            return {} if value is None else value
    return None


def without_padding(call: ToolCall, tools: Mapping[str, Tool], notes: Notes) -> ToolCall:
    """Return a call without the null arguments that its tool does not accept.

    Arrow writes such nulls as padding, since a column gives every call the arguments of all tools. A null stays where
    the schema allows one or says nothing about arguments.
    """
    tool = tools.get(call.name)
    if tool is None or not isinstance(tool.parameters.get("properties"), dict) or None not in _leaves(call.arguments):
        return call
    arguments = _unpadded(call.arguments, tool.parameters, tool.parameters)
    if arguments == call.arguments:
        return call
    notes.changed.add(NULLS_DROPPED)
    return call.model_copy(update={"arguments": arguments})


def _leaves(value: Any) -> list[Any]:
    """Return the values at any depth that are neither list nor object."""
    if isinstance(value, dict):
        value = list(value.values())
    return [inner for one in value for inner in _leaves(one)] if isinstance(value, list) else [value]


def _unpadded(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
    """Return a value without the nulls that its schema, a part of the schema `root`, does not allow."""
    if isinstance(value, list) and isinstance(schema, dict):
        return [_unpadded(one, schema.get("items"), root) for one in value]
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    return {
        name: _unpadded(inner, properties.get(name), root)
        for name, inner in value.items()
        if inner is not None or (name in properties and allows_null(properties[name], root))
    }


# ---------------------------------------------------------------- results


def with_paired_results(turns: Sequence[Turn], numbered: set[str], notes: Notes) -> list[Turn]:
    """Return the turns, with each result that names no open call paired with the first open call of the same tool
    name, or else the first open call. A result with an unknown id is paired only with calls in `numbered`, the ids
    that the importer made up."""
    found: list[Turn] = []
    open_calls: dict[str, str] = {}
    for turn in turns:
        if turn.role == "tool" and turn.tool_call_id not in open_calls:
            has_unknown_id = turn.tool_call_id is not None
            candidates = {id: name for id, name in open_calls.items() if not has_unknown_id or id in numbered}
            id = next((id for id, name in candidates.items() if name == turn.name), next(iter(candidates), None))
            if id is not None:
                notes.changed.add("results_paired_by_position")
                turn = turn.model_copy(update={"tool_call_id": id})
        if turn.role == "tool":
            open_calls.pop(turn.tool_call_id or "", None)
        elif turn.tool_calls:
            open_calls |= {call.id: call.name for call in turn.tool_calls}
        found.append(turn)
    return found


def result_text(value: Any) -> str:
    """Return a result that is not text as JSON."""
    return json.dumps(value, ensure_ascii=False)
