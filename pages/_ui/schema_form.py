"""A form made from a tool's JSON Schema, whose fields give the arguments of one call.

A schema that no fields can be made from (an imported one may be broken or empty) gives one field for all arguments as
JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from engine.reading.json_value import whole
from engine.reading.schema import properties_of, required_of, schema_problem
from engine.types import Tool
from pages._ui.text import literal

_LEAVE_OUT = "left out"
_LARGEST = (1 << 53) - 1
_QUOTED = 200
_WORD = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")


class _Absent:
    """Marks an argument that is not given."""


ABSENT = _Absent()


def schema_form(tool: Tool, *, key: str, start: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], list[str]]:
    """Draw one field per parameter; return (arguments, problems). Keys of widgets start with `key`.

    Fields begin with the arguments of `start` and return exactly these values while they are not edited. Optional
    parameters whose field is empty are left out.
    """
    why = _why_no_fields(tool, start or {})
    if why is not None:
        return _all_as_json(why, key, start)
    arguments: dict[str, Any] = {}
    problems: list[str] = []
    required, properties = required_of(tool.parameters), properties_of(tool.parameters)
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


def _why_no_fields(tool: Tool, start: Mapping[str, Any]) -> str | None:
    """Return why there cannot be a field for each argument, as a sentence, or None."""
    problem = schema_problem(tool.parameters)
    if problem is not None:
        return f"There are no fields for this tool, and its arguments are not checked: {problem}."
    properties = properties_of(tool.parameters)
    other = sorted(set(start) - set(properties))
    if other and properties:
        return f"There are no fields for this call: its schema does not name {', '.join(other)[:_QUOTED]}."
    if other or (not properties and tool.parameters.get("properties") is None and tool.parameters):
        return "The schema of this tool names no arguments."
    return None


def _all_as_json(why: str, key: str, start: Mapping[str, Any] | None) -> tuple[dict[str, Any], list[str]]:
    st.caption(literal(why))
    shown = json.dumps(dict(start or {}), ensure_ascii=False, indent=2)
    return json_arguments(st.text_area("Arguments as JSON", shown, key=f"{key}_json", height=120))


def _field(name: str, schema: dict[str, Any], needed: bool, key: str, begin: Any) -> Any:
    kind = schema.get("type")
    word = name if _WORD.fullmatch(name) else literal(name)  # a label names the field to others too
    label = word if needed else f"{word} (optional)"
    options: dict[str, Any] = {"key": key, "help": literal(str(schema.get("description", ""))) or None}
    if isinstance(schema.get("enum"), list):
        return _choice(label, schema["enum"], schema, needed, begin, options)
    if kind == "boolean":
        return _choice(label, [True, False], schema, needed, begin, options)
    if begin is not ABSENT and not _fits(begin, kind):
        return _value(label, schema, needed, begin, options)  # the only field that holds it as it is
    if kind in ("integer", "number"):
        return _number(label, kind, schema, needed, begin, options)
    if kind == "string":
        shown = "" if begin is ABSENT else begin
        given = st.text_input(label, shown, placeholder=_default(schema), **options)
        return given if given or needed or begin == given else ABSENT
    return _value(label, schema, needed, begin, options)


def _default(schema: dict[str, Any]) -> str:
    return f"default {json.dumps(schema['default'], ensure_ascii=False)}" if "default" in schema else ""


def _choice(
    label: str, values: list[Any], schema: dict[str, Any], needed: bool, begin: Any, options: dict[str, Any]
) -> Any:
    shown = values if needed else [ABSENT, *values]
    place = next((n for n, value in enumerate(shown) if value == begin and _is_flag(value) == _is_flag(begin)), None)
    index = 0 if place is None and begin is ABSENT else place
    chosen = st.selectbox(
        label,
        shown,
        index,
        format_func=lambda v: (_default(schema) or _LEAVE_OUT) if v is ABSENT else str(v),
        placeholder="Choose one",
        **options,
    )
    if chosen is None and None not in values:
        raise ValueError("choose one.")
    return chosen


def _number(label: str, kind: str, schema: dict[str, Any], needed: bool, begin: Any, options: dict[str, Any]) -> Any:
    whole = kind == "integer"
    fits = begin is not ABSENT
    if fits and options["key"] not in st.session_state:  # as its default the field could not be emptied
        st.session_state[options["key"]] = begin if whole else float(begin)
    given = st.number_input(
        label,
        value=None,
        step=1 if whole else None,
        format=None if whole else "%g",
        placeholder=_default(schema) or ("a whole number" if whole else "a number"),
        **options,
    )
    if given is None and needed:
        raise ValueError("give a number.")
    if given is not None and fits and isinstance(begin, int) and given == int(given):
        return int(given)  # written without a point, as it was
    return ABSENT if given is None else given


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a field of this type can hold a value. A number must be one that browsers represent exactly."""
    if kind == "string":
        return isinstance(value, str)
    if kind not in ("integer", "number"):
        return True
    if _is_flag(value) or not isinstance(value, int if kind == "integer" else int | float):
        return False
    return isinstance(value, float) or abs(value) <= _LARGEST


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


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


def type_words(schema: Any) -> str:
    """Return a schema's type in words: "list of string", "one of a, b"; "any" where it has none."""
    if not isinstance(schema, Mapping):
        return "any"
    if isinstance(schema.get("enum"), list):
        return "one of " + ", ".join(map(str, schema["enum"]))
    if isinstance(schema.get("anyOf"), list):
        return " or ".join(type_words(one) for one in schema["anyOf"])
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(map(str, kind))
    if kind == "array" and "items" in schema:
        return f"list of {type_words(schema['items'])}"
    inner = schema.get("additionalProperties")
    if kind == "object" and isinstance(inner, dict):
        return f"object of {type_words(inner)}"
    return str(kind)
