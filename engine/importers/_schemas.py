"""Convert a foreign parameter schema to JSON Schema: map Python's type names and drop the nulls that Arrow pads with.

The original type names are kept by JSON pointer, so that an export may write them again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_NAMES = {
    "dict": "object",
    "map": "object",
    "hashmap": "object",
    "struct": "object",
    "object": "object",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "number": "number",
    "int": "integer",
    "long": "integer",
    "short": "integer",
    "byte": "integer",
    "integer": "integer",
    "bool": "boolean",
    "boolean": "boolean",
    "str": "string",
    "char": "string",
    "string": "string",
    "list": "array",
    "tuple": "array",
    "set": "array",
    "arraylist": "array",
    "array": "array",
    "none": "null",
    "nonetype": "null",
    "null": "null",
}
_JSON = frozenset(_NAMES.values())
_ANYTHING = ("any", "object | any", "mixed", "")
_WITH_ITEMS = re.compile(r"\A(list|set|tuple|array|arraylist)\s*[\[<]\s*([\w.]+)\s*[\]>]\Z", re.IGNORECASE)
_WITH_MORE = re.compile(r"\A([\w.]+)\s*[\[<].*[\]>]\Z", re.DOTALL)
_MAPS = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONES = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_MAY_BE_NULL = ("default", "const")


@dataclass
class SchemaChanges:
    """What was changed in a schema. `types` holds the original type by JSON pointer, `unknown` the pointers of types
    that have no JSON counterpart; `padded` is True when nulls were dropped."""

    types: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    padded: bool = False


def as_json_schema(schema: Any, changes: SchemaChanges, pointer: str = "") -> Any:
    """Return a schema with JSON types and without padding, noting `changes`; a value that is no object stays."""
    if not isinstance(schema, dict):
        return schema
    cleaned: dict[str, Any] = {}
    for key, value in schema.items():
        at = f"{pointer}/{_pointer_token(key)}"
        if value is None and key not in _MAY_BE_NULL:
            changes.padded = True
        elif key == "type":
            _set_type(value, cleaned, changes, pointer)
        elif key in _MAPS and isinstance(value, dict):
            kept = {name: inner for name, inner in value.items() if inner is not None}
            cleaned[key] = {n: as_json_schema(inner, changes, f"{at}/{_pointer_token(n)}") for n, inner in kept.items()}
            changes.padded |= len(cleaned[key]) < len(value)
        elif key in _LISTS and isinstance(value, list):
            cleaned[key] = [as_json_schema(one, changes, f"{at}/{n}") for n, one in enumerate(value)]
        elif key in _ONES:
            cleaned[key] = as_json_schema(value, changes, at)
        else:
            cleaned[key] = value
    return cleaned


def _set_type(value: Any, cleaned: dict[str, Any], changes: SchemaChanges, pointer: str) -> None:
    names = value if isinstance(value, list) else [value]
    if all(isinstance(name, str) and name in _JSON for name in names) or not all(isinstance(n, str) for n in names):
        cleaned["type"] = value
        return
    changes.types[pointer] = value
    mapped = [_json_type(name, cleaned) for name in names]
    if "" in mapped:
        if any(_bare_type_name(name) not in _ANYTHING for name, kind in zip(names, mapped, strict=True) if not kind):
            changes.unknown.append(pointer)
        return
    kinds = list(dict.fromkeys(mapped))
    cleaned["type"] = kinds if isinstance(value, list) else kinds[0]


def _json_type(name: str, cleaned: dict[str, Any]) -> str:
    """Return the JSON type of a name, "" for any and for unknown ones; set `items` for `list[str]`."""
    plain = _bare_type_name(name)
    if plain in _NAMES:
        return _NAMES[plain]
    if items := _WITH_ITEMS.match(plain):
        inner = _NAMES.get(items[2].lower())
        if inner:
            cleaned.setdefault("items", {"type": inner})
        return "array"
    more = _WITH_MORE.match(plain)
    return _NAMES.get(more[1], "") if more else ""


def _bare_type_name(name: str) -> str:
    """Return a type name in lower case without `typing.` and ", optional"."""
    return name.lower().removesuffix("optional").strip().rstrip(",").strip().removeprefix("typing.")


def _pointer_token(key: str) -> str:
    """Return a key escaped for use in a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
