"""A stranger's parameter schema, made into JSON Schema: Python's type names are mapped, the nulls of Arrow are dropped.

What a type was called is kept by JSON pointer, so that a format that wants those names can have them back.
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
class Found:
    """What was changed in a schema. `types` maps the JSON pointer of a schema to the type that it had; `unknown` are
    pointers of types that are no JSON type under any name; `padded` says that nulls were dropped."""

    types: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    padded: bool = False


def cleaned(schema: Any, found: Found, pointer: str = "") -> Any:
    """Return a schema with JSON types and without padding; what is no object is left as it is."""
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        at = f"{pointer}/{_escaped(key)}"
        if value is None and key not in _MAY_BE_NULL:
            found.padded = True
        elif key == "type":
            _type(value, made, found, pointer)
        elif key in _MAPS and isinstance(value, dict):
            made[key] = {n: cleaned(v, found, f"{at}/{_escaped(n)}") for n, v in value.items() if v is not None}
            found.padded |= len(made[key]) < len(value)
        elif key in _LISTS and isinstance(value, list):
            made[key] = [cleaned(one, found, f"{at}/{n}") for n, one in enumerate(value)]
        elif key in _ONES:
            made[key] = cleaned(value, found, at)
        else:
            made[key] = value
    return made


def _type(value: Any, made: dict[str, Any], found: Found, pointer: str) -> None:
    names = value if isinstance(value, list) else [value]
    if all(isinstance(name, str) and name in _JSON for name in names) or not all(isinstance(n, str) for n in names):
        made["type"] = value
        return
    found.types[pointer] = value
    mapped = [_mapped(name, made) for name in names]
    if "" in mapped:
        if any(_plain(name) not in _ANYTHING for name, kind in zip(names, mapped, strict=True) if not kind):
            found.unknown.append(pointer)
        return
    kinds = list(dict.fromkeys(mapped))
    made["type"] = kinds if isinstance(value, list) else kinds[0]


def _mapped(name: str, made: dict[str, Any]) -> str:
    """Return the JSON type of a name, "" for one that allows anything or is not known."""
    plain = _plain(name)
    if plain in _NAMES:
        return _NAMES[plain]
    if items := _WITH_ITEMS.match(plain):
        inner = _NAMES.get(items[2].lower())
        if inner:
            made.setdefault("items", {"type": inner})
        return "array"
    more = _WITH_MORE.match(plain)
    return _NAMES.get(more[1], "") if more else ""


def _plain(name: str) -> str:
    """Return a type's name without what says that the argument may be left out ("str, optional")."""
    return name.lower().removesuffix("optional").strip().rstrip(",").strip().removeprefix("typing.")


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
