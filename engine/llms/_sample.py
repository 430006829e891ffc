"""Make a minimal value that fits a JSON Schema, for the scripted model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def from_schema(schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with every required property. `given` overrides values by property name, at any depth."""
    found = _value(schema, given, "")
    return found if isinstance(found, dict) else {}


def _value(schema: Mapping[str, Any], given: Mapping[str, Any], name: str) -> Any:
    if name in given:
        return given[name]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _value(schema[key][0], given, name)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = [key for key in properties if key in schema.get("required", ()) or key in given]
        return {key: _value(properties[key], given, key) for key in wanted}
    if kind == "array":
        return [_value(schema.get("items", {}), given, name)] * int(schema.get("minItems", 0))
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return {"boolean": True, "null": None}.get(kind, "scripted")
