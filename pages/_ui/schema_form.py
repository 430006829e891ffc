"""A form made of a tool's JSON Schema. Its fields give exactly the arguments of one call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from engine.json_value import whole
from engine.types import Tool
from pages._ui.text import literal

_LEAVE_OUT = "left out"
_WORD = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")


class _Absent:
    """Marks an argument that is not given."""


ABSENT = _Absent()


def schema_form(tool: Tool, *, key: str, start: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], list[str]]:
    """Draw one field per parameter; return (arguments, problems). Keys of widgets start with `key`.

    Fields begin with the arguments of `start`, and give these very values back while they are not changed. Fields of
    optional parameters that are left empty are left out of the call.
    """
    arguments: dict[str, Any] = {}
    problems: list[str] = []
    required = tool.parameters.get("required", [])
    properties: Mapping[str, dict[str, Any]] = tool.parameters.get("properties", {})
    if not properties:
        st.caption("This tool takes no arguments.")
    for name, schema in properties.items():
        begin = (start or {}).get(name, ABSENT)
        try:
            value = _field(name, schema, name in required, f"{key}_{name}", begin)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            continue
        if value is not ABSENT:
            arguments[name] = value
    return arguments, problems


def _field(name: str, schema: dict[str, Any], needed: bool, key: str, begin: Any) -> Any:
    kind = schema.get("type")
    word = name if _WORD.fullmatch(name) else literal(name)  # a label names the field to others too
    label = word if needed else f"{word} (optional)"
    options: dict[str, Any] = {"key": key, "help": literal(str(schema.get("description", ""))) or None}
    if "enum" in schema:
        return _choice(label, list(schema["enum"]), schema, needed, begin, options)
    if kind == "boolean":
        return _choice(label, [True, False], schema, needed, begin, options)
    if kind in ("integer", "number"):
        return _number(label, kind, schema, needed, begin, options)
    if kind == "string":
        shown = begin if isinstance(begin, str) else ""
        given = st.text_input(label, shown, placeholder=_default(schema), **options)
        return given if given or needed or begin == given else ABSENT
    return _value(label, schema, needed, begin, options)


def _default(schema: dict[str, Any]) -> str:
    return f"default {json.dumps(schema['default'], ensure_ascii=False)}" if "default" in schema else ""


def _choice(
    label: str, values: list[Any], schema: dict[str, Any], needed: bool, begin: Any, options: dict[str, Any]
) -> Any:
    shown = values if needed else [ABSENT, *values]
    known = begin in values
    index = shown.index(begin) if known else None if needed and begin is not ABSENT else 0
    chosen = st.selectbox(
        label, shown, index, format_func=lambda v: (_default(schema) or _LEAVE_OUT) if v is ABSENT else str(v),
        placeholder="Choose one", **options,
    )  # fmt: skip
    if chosen is None and None not in values:
        raise ValueError("choose one.")
    return chosen


def _number(label: str, kind: str, schema: dict[str, Any], needed: bool, begin: Any, options: dict[str, Any]) -> Any:
    whole = kind == "integer"
    fits = isinstance(begin, int if whole else int | float) and not isinstance(begin, bool)
    if fits and options["key"] not in st.session_state:  # as its default the field could not be emptied
        st.session_state[options["key"]] = begin if whole else float(begin)
    given = st.number_input(
        label, value=None, step=1 if whole else None, format=None if whole else "%g",
        placeholder=_default(schema) or ("a whole number" if whole else "a number"), **options,
    )  # fmt: skip
    if given is None and needed:
        raise ValueError("give a number.")
    if given is not None and fits and isinstance(begin, int) and given == int(given):
        return int(given)  # written without a point, as it was
    return ABSENT if given is None else given


def _value(label: str, schema: dict[str, Any], needed: bool, begin: Any, options: dict[str, Any]) -> Any:
    example = {"array": "[]", "object": "{}"}.get(str(schema.get("type")), "null")
    shown = (example if needed else "") if begin is ABSENT else json.dumps(begin, ensure_ascii=False)
    given = st.text_area(f"{label}, as JSON", shown, height=90, placeholder=_default(schema), **options)
    if not given.strip():
        if needed:
            raise ValueError("give a JSON value.")
        return ABSENT
    try:
        return json.loads(given, parse_int=whole)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}.") from error


def json_arguments(text: str) -> tuple[dict[str, Any], list[str]]:
    """Read the arguments of a call as one JSON object; return (arguments, problems)."""
    try:
        value = json.loads(text or "{}", parse_int=whole)
    except ValueError as error:
        return {}, [f"The arguments are no JSON: {error}."]
    if not isinstance(value, dict):
        return {}, ['The arguments are no object. Write {"name": value}.']
    return value, []


def type_words(schema: Mapping[str, Any]) -> str:
    """Return a schema's type as a reader says it: "list of string", "one of a, b"."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(type_words(one) for one in schema["anyOf"])
    kind = str(schema.get("type", "any"))
    if kind == "array" and "items" in schema:
        return f"list of {type_words(schema['items'])}"
    inner = schema.get("additionalProperties")
    if kind == "object" and isinstance(inner, dict):
        return f"object of {type_words(inner)}"
    return kind
