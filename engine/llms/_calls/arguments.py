"""The arguments of a call, as models write them: JSON, JSON inside JSON text, a Python dict, broken JSON, bare texts.

Broken JSON is repaired only when that changes no letter and no digit, and gives a call that fits the tool's schema. A
tool of which no schema is known, or none that can be used, gets no repaired call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from engine.reading.json_value import first, loads, loads_leniently, without_surrogates
from engine.reading.python_source import literal
from engine.reading.schema import argument_error, properties_of, schema_problem, tidied
from engine.types import Tool, ToolCall

_ENCODED = 3
"""Times that arguments may have been written as JSON text inside JSON text."""
_MOST_LEVELS = 100
_MOST_CHARS, _MOST_OPEN = 2_000, 16
"""Of a text that json-repair is given: it takes seconds for long texts with many open brackets."""
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LAYOUT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ZEROS = re.compile(r"(\d\.\d*?)0+(?!\d)")
_PYTHON = re.compile(r"'|\b(?:True|False|None)\b")
_NO_VALUE = re.compile(r"[:,\[]\s*[+-]?(?:NaN|Infinity|undefined)\b")
_NONE = re.compile(r"\bNone\b")
_EMPTY = re.compile(r"\"\"|''")


def object_in(given: Any) -> dict[str, Any] | None:
    """Return the arguments that an object, or a text of one, holds; {} for none at all, None when it is no object."""
    for _ in range(_ENCODED + 1):
        if given is None or given == "":
            return {}
        if isinstance(given, dict):
            return given
        if not isinstance(given, str):
            return None
        given = _value(given)
    return None


def too_deep(value: Any, levels: int = _MOST_LEVELS) -> bool:
    """Return whether lists and objects are nested more deeply than a trajectory can be written."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(too_deep(one, levels - 1) for one in inner)


def python_value(text: str) -> Any:
    """Return the value of a text as Python writes it, with ' or True. Raises ValueError, also for what is JSON but for
    a comma too many: that is broken JSON."""
    if not _PYTHON.search(text):
        raise ValueError("nothing shows that it is Python")
    return literal(text)


def _value(text: str) -> Any:
    """Return the value of JSON or of a Python literal; False when it is neither."""
    readers: tuple[Callable[[str], Any], ...] = (loads, loads_leniently, python_value)
    for read in readers:
        try:
            return read(text)
        except ValueError:
            continue
    return "" if not text.strip() else False


def repaired(text: str, tool: Tool | None) -> dict[str, Any] | None:
    """Return what broken arguments mean, None where no call that fits the tool's schema comes of it."""
    if tool is None:
        return None
    return next((value for value in _repairs(text) if isinstance(value, dict) and _fits(tool, value)), None)


def repaired_calls(text: str, read: Callable[[Any], list[tuple[Tool, dict[str, Any]]]]) -> list[tuple[Tool, Any]]:
    """Return the calls in a broken JSON value, as `read` finds them; [] unless each fits the schema of its tool."""
    for value in _repairs(text):
        found = read(value)
        if found and all(_fits(tool, arguments) for tool, arguments in found):
            return list(found)
    return []


def _fits(tool: Tool, arguments: dict[str, Any]) -> bool:
    """Return whether a call is certainly what the tool takes: it fits the schema and names no unknown argument."""
    if too_deep(arguments) or schema_problem(tool.parameters) is not None:
        return False
    unknown = arguments.keys() - properties_of(tool.parameters).keys()
    if unknown and not (tool.parameters.get("additionalProperties") or tool.parameters.get("patternProperties")):
        return False
    return argument_error(tool, tidied(tool, ToolCall(id="", name=tool.name, arguments=arguments))) is None


def _repairs(text: str) -> Iterator[Any]:
    """Yield the values that a broken JSON text may mean, in which no letter or digit is lost, added or moved."""
    text = _unfenced(text.removeprefix("\ufeff").strip())
    try:
        value, end = first(text, strict=False)
        if end == len(text):
            yield value
    except ValueError:
        pass
    if len(text) <= _MOST_CHARS and text.count("{") + text.count("[") <= _MOST_OPEN:
        value = without_surrogates(_by_library(text))
        if value is not None and _changes_only_punctuation(text, value):
            yield value


def _unfenced(text: str) -> str:
    """Return what stands between the marks of a code fence around a text."""
    if len(text) > 6 and text.startswith("```") and text.endswith("```"):
        return text[3:-3].removeprefix("json").strip()
    return text


def _by_library(text: str) -> Any:
    from json_repair import repair_json  # imported here: most processes never meet broken JSON

    try:
        return repair_json(text, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None


def _changes_only_punctuation(text: str, value: Any) -> bool:
    """Return whether a repair only put or took away punctuation, and ends no text that the model did not end."""
    parts, plain = list(_texts_in(value)), _unescaped(text)
    if _NO_VALUE.search(text) or _letters(plain) != "".join(map(_letters, parts)):
        return False
    if not all(part in plain or part in text or _folded(part) in _folded(plain) for part in parts):
        return False
    if parts.count("") > len(_EMPTY.findall(text)):
        return False
    ended = text.rstrip(" ,\n\t")[-1:] in ("}", "]", '"', "'")
    return ended or not isinstance(_last_value(value), str)


def _texts_in(value: Any) -> Iterator[str]:
    """Yield the keys and values of a JSON value as texts, in their order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def _last_value(value: Any) -> Any:
    """Return the value that is written last inside a value."""
    while isinstance(value, dict | list) and value:
        value = list(value.values() if isinstance(value, dict) else value)[-1]
    return value


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _LAYOUT.get(found[2], found[2]), text)


def _letters(text: str) -> str:
    """Return the letters and digits of a text, where 19.90 is 19.9 and Python's None is null."""
    return "".join(filter(str.isalnum, _folded(text)))


def _folded(text: str) -> str:
    return _ZEROS.sub(r"\1", _NONE.sub("null", text)).casefold()
