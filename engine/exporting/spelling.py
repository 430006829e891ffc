"""Tools and calls in the spellings of other conventions: Python literals, flat parameter maps, BFCL's types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.types import RecordCall, RecordTool

_PYTHON_TYPES = {
    "string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict",
}  # fmt: skip
_BFCL_TYPES = {"number": "float", "object": "dict", "null": "any"}


def python_literal(value: Any) -> str:
    """Return a JSON value as a Python literal; texts stand in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ", ".join(map(python_literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{python_literal(key)}: {python_literal(one)}" for key, one in value.items()) + "}"
    return repr(value)


def python_call(call: RecordCall) -> str | None:
    """Return a call as `name(argument=literal, ...)`; None where an argument's name cannot be written so."""
    if not all(name.isidentifier() for name in call.arguments):
        return None
    return f"{call.name}({', '.join(f'{name}={python_literal(one)}' for name, one in call.arguments.items())})"


def flat_parameters(tool: RecordTool) -> dict[str, dict[str, Any]]:
    """Return the parameters of a tool as xLAM writes them: by name its description, Python type and default."""
    required = tool.parameters.get("required", ())
    found: dict[str, dict[str, Any]] = {}
    for name, schema in tool.parameters.get("properties", {}).items():
        found[name] = {"description": schema.get("description", ""), "type": _python_type(schema)}
        if name not in required:
            found[name]["type"] += ", optional"
        if "default" in schema:
            found[name]["default"] = schema["default"]
    return found


def _python_type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return f"List[{_python_type(schema['items'])}]"
    return _PYTHON_TYPES.get(kind, "Any") if isinstance(kind, str) else "Any"


def bfcl_schema(schema: Any) -> Any:
    """Return a JSON Schema with BFCL's names of types: dict, float, any."""
    if not isinstance(schema, Mapping):
        return schema
    found: dict[str, Any] = dict(schema)
    kinds = found.get("type")
    kinds = [kind for kind in kinds if kind != "null"] if isinstance(kinds, list) else [kinds]
    one = kinds[0] if len(kinds) == 1 and isinstance(kinds[0], str) else "any"  # a stranger's type may be no name
    found["type"] = _BFCL_TYPES.get(one, one)
    if isinstance(found.get("properties"), Mapping):
        found["properties"] = {name: bfcl_schema(one) for name, one in found["properties"].items()}
    if "items" in found:
        found["items"] = bfcl_schema(found["items"])
    return found


def bfcl_function(tool: RecordTool) -> dict[str, Any]:
    """Return a tool as BFCL writes it; its parameters always list what is required."""
    parameters = {"properties": {}, "required": []} | bfcl_schema(tool.parameters) | {"type": "dict"}
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def bfcl_answer(call: RecordCall, tool: RecordTool) -> dict[str, dict[str, list[Any]]] | None:
    """Return what BFCL accepts as this call: by argument the allowed values, "" where it may be left out. None where
    its checker compares no such value (objects in objects, null)."""
    required, allowed = tool.parameters.get("required", ()), {}
    properties = tool.parameters.get("properties", {})
    for name in dict.fromkeys([*properties, *call.arguments]):
        default = [properties[name]["default"]] if "default" in properties.get(name, {}) else []
        if name in call.arguments:
            value = call.arguments[name]
            if not _is_comparable(value):
                return None
            allowed[name] = [_allowed(value)] + ([""] if name not in required and default == [value] else [])
        elif name not in required:
            allowed[name] = ["", *default]
    return {call.name: allowed}


def _is_comparable(value: Any, *, inside: bool = False) -> bool:
    """Return whether BFCL's checker compares a value: scalars, lists, and objects of scalars and lists."""
    if isinstance(value, dict):
        return not inside and all(_is_comparable(one, inside=True) for one in value.values())
    if isinstance(value, list):
        return all(_is_comparable(one, inside=inside) for one in value)
    return value is not None


def _allowed(value: Any) -> Any:
    """Return a value as an allowed one: inside an object each key has a list of them."""
    if isinstance(value, dict):
        return {key: [one] for key, one in value.items()}
    return [_allowed(one) for one in value] if isinstance(value, list) else value
