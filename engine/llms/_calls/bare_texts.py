"""Arguments that a notation writes as bare texts (XML families) get the types that the tool's JSON schema says.

A text that both a string and something else could be is the something else where the schema allows that (5 for an
integer or a string), unless the notation itself marked it as a string. What fits nothing stays as it was read, so that
the schema check tells the model what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.reading.json_value import loads
from engine.reading.python_source import literal
from engine.reading.references import target
from engine.reading.schema import properties_of

_FOLLOWED, _MOST_BRANCHES = 4, 16
"""How deep references and alternatives are followed; strangers' schemas may lead round in circles."""
_BRANCHES = ("anyOf", "oneOf", "allOf")
_KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
_WORDS = {"true": True, "false": False, "none": None, "null": None}


class Text(str):
    """A value that was written without a type."""


class StringText(Text):
    """A value that the notation marks as a string."""


def typed(arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with every `Text` converted by a tool's schema; {} stands for a schema that says nothing."""
    properties = properties_of(parameters)
    return {
        name: _converted(value, properties.get(name), parameters) if isinstance(value, Text) else value
        for name, value in arguments.items()
    }


def _converted(text: Text, schema: Any, root: Mapping[str, Any]) -> Any:
    kinds, bare = _kinds(schema, root), str(text)
    if kinds == {"string"} or (isinstance(text, StringText) and (not kinds or "string" in kinds)):
        return _listed(bare, schema)
    read, value = _read(bare)
    if read and not isinstance(value, str) and (not kinds or _is_one_of(value, kinds)):
        return int(value) if kinds and isinstance(value, float) and "number" not in kinds else value
    if not kinds or "string" in kinds:
        return _listed(bare, schema)
    return value if read else bare.strip()


def _listed(text: str, schema: Any) -> str:
    """Return a text as the schema lists it, where it differs only by white space or quotes around it."""
    choices = schema.get("enum") if isinstance(schema, Mapping) else None
    if isinstance(choices, list) and text not in choices:
        return next((one for one in (text.strip(), text.strip().strip("\"'")) if one in choices), text)
    return text


def _read(text: str) -> tuple[bool, Any]:
    """Return (whether a text is JSON or a Python literal, its value)."""
    plain = text.strip()
    if plain.casefold() in _WORDS:
        return True, _WORDS[plain.casefold()]
    try:
        return True, loads(plain)
    except ValueError:
        pass
    if not plain.startswith(("{", "[", "(")):  # else a sum or a quoted word would be taken for a value
        return False, None
    try:
        return True, literal(plain)
    except ValueError:
        return False, None


def _is_one_of(value: Any, kinds: set[str]) -> bool:
    kind = "null" if value is None else _KINDS[type(value)]
    return (
        kind in kinds
        or (kind == "integer" and "number" in kinds)
        or (kind == "number" and "integer" in kinds and value.is_integer())
    )


def _kinds(schema: Any, root: Mapping[str, Any], seen: frozenset[int] = frozenset()) -> set[str]:
    """Return the JSON types that a schema allows, as far as it says; empty where it says nothing."""
    if not isinstance(schema, Mapping) or id(schema) in seen or len(seen) > _FOLLOWED:
        return set()
    seen |= {id(schema)}
    kinds = _named(schema)
    if isinstance(schema.get("$ref"), str) and not kinds:
        kinds = _kinds(target(root, schema["$ref"]), root, seen)
    for key in _BRANCHES:
        branches = schema.get(key)
        if isinstance(branches, list) and len(branches) <= _MOST_BRANCHES and not kinds:
            each = [_kinds(one, root, seen) for one in branches]
            kinds = set().union(*each) if all(each) or key == "allOf" else set()
    return kinds | {"null"} if kinds and schema.get("nullable") is True else kinds


def _named(schema: Mapping[str, Any]) -> set[str]:
    """Return the types that a schema names itself, or those of the values that it lists."""
    said, listed = schema.get("type"), schema.get("enum")
    if isinstance(said, str):
        return {said}
    if isinstance(said, list):
        return {one for one in said if isinstance(one, str)}
    values = listed if isinstance(listed, list) else [schema["const"]] if "const" in schema else []
    return {"null" if value is None else _KINDS.get(type(value), "") for value in values}
