"""Calls as JSON objects: {"name": ..., "arguments": {...}} and what models write in place of these two words."""

from __future__ import annotations

import re
from typing import Any

from engine.llms._calls.notation import Broken, NotWritten, Place, Written
from engine.reading.json_value import first

_NAMES = ("name", "tool", "tool_name", "function_name", "recipient_name", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "tool_input", "input", "action_input")
_EXTRAS = ("id", "type", "function", "call_id", "tool_call_id", "index")
_WRAPPERS = ("tool_calls", "tool_call", "function_call", "tool_uses")
_NO = object()
_BETWEEN = re.compile(r"[\s,;]*")


def marked_calls(place: Place, *closers: str) -> list[Written]:
    """Read calls behind a sign of the family: JSON values up to one of these texts or the end of the text. Raises
    NotWritten."""
    if not place.sees("{", "["):
        raise NotWritten
    return [call for value in _values(place, *closers) for call in calls_in(value, marked=True)]


def _values(place: Place, *closers: str) -> list[Any]:
    begun, found = place.at, list[Any]()
    try:
        while True:
            place.maybe(_BETWEEN)
            value, place.at = first(place.text, place.at)
            found.append(value)
            if place.over or place.sees(*closers):
                return found
    except ValueError:
        place.at = begun
        return [place.value(*closers)]


def calls_in(value: Any, *, marked: bool) -> list[Written]:
    """Return the calls that a JSON value describes: one, or a list of them. Raises NotWritten when it holds more.

    marked: a sign of the family says that this is a call, so that arguments may be left out, and broken JSON counts.
    """
    if isinstance(value, Broken):
        if marked:
            return [Written(None, value)]
        raise NotWritten
    if isinstance(value, dict) and len(value) == 1:
        value = next((value[key] for key in _WRAPPERS if key in value), value)
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise NotWritten
    return [_call(entry, marked) for entry in entries]


def _call(value: Any, marked: bool) -> Written:
    if not isinstance(value, dict) or not value.keys() <= {*_NAMES, *_ARGUMENTS, *_EXTRAS}:
        raise NotWritten
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = next((value[key] for key in (*_NAMES, "function") if isinstance(value.get(key), str)), None)
    given = next((value[key] for key in _ARGUMENTS if key in value), {} if marked else _NO)
    if name is None or given is _NO or (given is None and not marked):
        raise NotWritten
    if isinstance(given, str):
        given = given or {}
    elif not isinstance(given, dict):
        given = {} if given is None else Broken(str(given), closed=True)
    return Written(name, given)
