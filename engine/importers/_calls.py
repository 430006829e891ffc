"""Tool calls of a row: arguments as an object, as JSON text, encoded twice or broken; results that name no call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import InputError
from engine.importing.lines import json_in, shallow
from engine.importing.report import Notes
from engine.reading.schema import allows_null
from engine.types import Tool, ToolCall, Turn

_ENCODED = 3
"""Times that arguments may have been written as JSON text inside JSON text."""
NULLS = "null_arguments_dropped"


def call_of(name: str, arguments: Any, id: str, where: str, notes: Notes) -> ToolCall:
    """Return a call. Text that is no JSON object is kept as `raw`, as it was. Raises InputError."""
    if arguments is None:
        return ToolCall(id=id, name=name)
    if isinstance(arguments, str):
        value = _decoded(arguments, notes)
        if not isinstance(value, dict):
            notes.changed.add("broken_arguments_kept_raw")
            notes.noted.append(f"the arguments of a call of {name} are no JSON object; they are kept as they are")
            return ToolCall(id=id, name=name, raw=arguments)
        arguments = value
    shallow(arguments, where)
    return ToolCall(id=id, name=name, arguments=arguments)


def _decoded(text: str, notes: Notes) -> Any:
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
    """Return a call without the nulls that its tool does not take: a column of Arrow gives every call the arguments of
    all tools. A null stays where the schema allows one, and where nothing is known of the tool's arguments."""
    tool = tools.get(call.name)
    if tool is None or None not in _values(call.arguments) or not isinstance(tool.parameters.get("properties"), dict):
        return call
    arguments = _unpadded(call.arguments, tool.parameters, tool.parameters)
    if arguments == call.arguments:
        return call
    notes.changed.add(NULLS)
    return call.model_copy(update={"arguments": arguments})


def _values(value: Any) -> list[Any]:
    """Return everything inside lists and objects that is neither."""
    if isinstance(value, dict):
        value = list(value.values())
    return [inner for one in value for inner in _values(one)] if isinstance(value, list) else [value]


def _unpadded(value: Any, schema: Any, root: Mapping[str, Any]) -> Any:
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


def paired(turns: Sequence[Turn], numbered: set[str], notes: Notes) -> list[Turn]:
    """Return the turns with each result that names no call paired with the first open call of its name, else with the
    first open one. `numbered` are the ids that were given here, so that no result can know them."""
    found: list[Turn] = []
    waiting: dict[str, str] = {}
    for turn in turns:
        if turn.role == "tool" and turn.tool_call_id not in waiting:
            stranger = turn.tool_call_id is not None
            open_calls = {id: name for id, name in waiting.items() if not stranger or id in numbered}
            id = next((id for id, name in open_calls.items() if name == turn.name), next(iter(open_calls), None))
            if id is not None:
                notes.changed.add("results_paired_by_position")
                turn = turn.model_copy(update={"tool_call_id": id})
        if turn.role == "tool":
            waiting.pop(turn.tool_call_id or "", None)
        elif turn.tool_calls:
            waiting |= {call.id: call.name for call in turn.tool_calls}
        found.append(turn)
    return found


def as_text(value: Any) -> str:
    """Return a result that was not text as the JSON it would have been."""
    return json.dumps(value, ensure_ascii=False)
