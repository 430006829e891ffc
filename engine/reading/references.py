"""Resolves the `$ref`s of a JSON Schema, and finds those that have no target or form a circle. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

_IN_PLACE = ("allOf", "anyOf", "oneOf")
_ALSO_IN_PLACE = ("not", "if", "then", "else")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_QUOTED = 80
_NOT_SCHEMAS = ("enum", "const", "default", "examples", "example")
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
"""Keywords whose value maps names to schemas. Such a name is no keyword, even when it looks like one."""
MISSING = object()


def reference_problem(schema: Mapping[str, Any]) -> str | None:
    """Return why a reference of the schema cannot be resolved, or None. Raises RecursionError for deep nesting."""
    for inner in _schemas(schema):
        for key in _REFERENCES:
            problem = _problem(schema, key, inner[key]) if key in inner else None
            if problem is not None:
                return problem
    circle = next((one for inner in _schemas(schema) if (one := _circle(schema, inner))), None)
    return None if circle is None else f"$ref {circle[:_QUOTED]!r} leads round in a circle"


def _problem(schema: Mapping[str, Any], key: str, reference: Any) -> str | None:
    if not isinstance(reference, str):
        return f"a {key} is no text"
    if not _inside(schema, reference).startswith("#"):
        return f"{key} {reference[:_QUOTED]!r} leads out of the schema"
    found = target(schema, reference)
    return None if isinstance(found, dict | bool) else f"{key} {reference[:_QUOTED]!r} leads nowhere"


def refers_to_itself(schema: Mapping[str, Any]) -> str | None:
    """Return a `$ref` to a schema that contains it (a tree of nodes), or None. Such a schema can be used."""
    for inner in _schemas(schema):
        reference = inner.get("$ref")
        if isinstance(reference, str) and any(one is inner for one in _schemas(target(schema, reference))):
            return reference
    return None


def target(root: Mapping[str, Any], reference: str) -> Any:
    """Return the target of a local reference ("#/$defs/Node", "#anchor"), or MISSING."""
    fragment = unquote(_inside(root, reference).removeprefix("#"))
    if fragment and not fragment.startswith("/"):
        return next((inner for inner in _schemas(root) if fragment in _anchors(inner)), MISSING)
    found: Any = root
    for part in fragment.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and key.isascii() and int(key[:9]) < len(found):
            found = found[int(key[:9])]
        else:
            return MISSING
    return found


def _inside(root: Mapping[str, Any], reference: str) -> str:
    """Return a reference without the schema's own `$id` before the fragment; any other unchanged."""
    own = root.get("$id")
    own = own.removesuffix("#") if isinstance(own, str) else ""
    address, _, fragment = reference.partition("#")
    return f"#{fragment}" if own and address == own else reference


def _anchors(schema: Mapping[str, Any]) -> tuple[Any, Any]:
    return schema.get("$anchor"), schema.get("$dynamicAnchor")


def _schemas(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object in a schema that may itself be a schema, the outermost first."""
    if isinstance(value, Mapping):
        yield value
        for key, inner in value.items():
            if key in _NAMED and isinstance(inner, Mapping):
                for named in inner.values():
                    yield from _schemas(named)
            elif key not in _NOT_SCHEMAS:
                yield from _schemas(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _schemas(inner)


def _circle(root: Mapping[str, Any], start: Mapping[str, Any]) -> str | None:
    """Return the `$ref` through which a schema includes itself for the same value (endless recursion), or None."""
    seen: set[int] = set()
    waiting: list[tuple[Any, str]] = [(start, "")]
    while waiting:
        here, by = waiting.pop()
        if not isinstance(here, Mapping):
            continue
        if id(here) in seen:
            if here is start:
                return by
            continue
        seen.add(id(here))
        reference = here.get("$ref")
        if isinstance(reference, str):
            waiting.append((target(root, reference), reference))
        for key in _IN_PLACE:
            inner = here.get(key)
            waiting += [(one, by) for one in inner] if isinstance(inner, list) else []
        waiting += [(here[key], by) for key in _ALSO_IN_PLACE if key in here]
    return None
