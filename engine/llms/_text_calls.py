"""Find tool calls in a model's text, where they stand when the server or its chat template does not parse them.

Recognised: JSON objects or lists of {"name", "arguments"} that are bare, fenced, inside <tool_call> tags or after
[TOOL_CALLS] or <|python_tag|>; <function=NAME>{...}</function>; and Python calls in a ```tool_code fence or alone in
brackets. Only calls that name an offered tool are converted; everything else stays text.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from engine.reading.json_value import whole
from engine.reading.python_source import parsed
from engine.types import ToolCall

_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([\w.-]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_FENCE = re.compile(r"```[ \t]*(\w*)[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_MARKS = re.compile(r"\[TOOL_CALLS\]|<\|python_tag\|>|<\|tool_calls?\|>")
_START = re.compile(r"[{\[]")
_MOST_STARTS = 200
_NAMES = ("name", "tool", "tool_name")
_ARGUMENTS = ("arguments", "parameters", "args", "tool_input")
_EXTRAS = ("id", "type", "function")


def find_calls(text: str, tools: Collection[str]) -> tuple[str, list[ToolCall]]:
    """Return (the text without the calls, the calls without ids); (text, []) when none is found."""
    if not any(name in text for name in tools):
        return text, []
    for pattern, read in ((_TAGGED, _calls_in_tag), (_FUNCTION, _calls_in_function_tag), (_FENCE, _calls_in_fence)):
        rest, calls = _extracted(text, pattern, read, tools)
        if calls:
            return rest.strip(), calls
    return _bare_calls(text, tools)


def _extracted(text: str, pattern: re.Pattern[str], read: Any, tools: Collection[str]) -> tuple[str, list[ToolCall]]:
    found: list[ToolCall] = []

    def take(match: re.Match[str]) -> str:
        calls = read(match, tools)
        found.extend(calls)
        return "" if calls else match.group(0)

    return pattern.sub(take, text), found


def _calls_in_tag(match: re.Match[str], tools: Collection[str]) -> list[ToolCall]:
    return _calls_in_json(match.group(1), tools)


def _calls_in_function_tag(match: re.Match[str], tools: Collection[str]) -> list[ToolCall]:
    call = _call_of({"name": match.group(1), "arguments": match.group(2).strip() or "{}"}, tools)
    return [call] if call else []


def _calls_in_fence(match: re.Match[str], tools: Collection[str]) -> list[ToolCall]:
    language, body = match.group(1).lower(), match.group(2)
    if language in ("tool_code", "python"):
        return _calls_in_python(body, tools)
    return _calls_in_json(body, tools)


def _bare_calls(text: str, tools: Collection[str]) -> tuple[str, list[ToolCall]]:
    """Return `find_calls` for JSON calls amid prose, or for a text that is nothing but [name(...), ...]."""
    plain = text.strip()
    if plain.startswith("[") and plain.endswith(")]") and (calls := _calls_in_python(plain, tools)):
        return "", calls
    decoder, position, kept, found = json.JSONDecoder(parse_int=whole), 0, "", list[ToolCall]()
    for _ in range(_MOST_STARTS):
        match = _START.search(text, position)
        if match is None:
            break
        try:
            value, end = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            value, end = None, match.end()
        calls = list(_calls_of(value, tools))
        kept += text[position : match.start() if calls else end]
        found.extend(calls)
        position = end
    return (_MARKS.sub("", kept + text[position:]).strip(" \n\t,;"), found) if found else (text, [])


def _calls_in_json(text: str, tools: Collection[str]) -> list[ToolCall]:
    """Return the calls in a text of one or several JSON values; [] when any part of it is no call."""
    found: list[ToolCall] = []
    decoder, text, position = json.JSONDecoder(parse_int=whole), text.strip(), 0
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return []
        calls = list(_calls_of(value, tools))
        if not calls:
            return []
        found.extend(calls)
        while position < len(text) and text[position] in " \n\r\t,;":
            position += 1
    return found


def _calls_of(value: Any, tools: Collection[str]) -> Iterator[ToolCall]:
    if isinstance(value, dict) and set(value) == {"tool_calls"}:
        value = value["tool_calls"]
    entries = value if isinstance(value, list) else [value]
    read = [_call_of(entry, tools) for entry in entries]
    if all(read):
        yield from (call for call in read if call)


def _call_of(value: Any, tools: Collection[str]) -> ToolCall | None:
    """Return the call that a value describes; None when it holds anything else or names no offered tool."""
    if not isinstance(value, dict) or not set(value) <= {*_NAMES, *_ARGUMENTS, *_EXTRAS}:
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = next((value[key] for key in (*_NAMES, "function") if isinstance(value.get(key), str)), None)
    if name not in tools:
        return None
    given = next((value[key] for key in _ARGUMENTS if key in value), None)
    if given is None:
        return None
    if isinstance(given, dict):
        return ToolCall(id="", name=str(name), arguments=given)
    try:
        parsed = json.loads(given, parse_int=whole)
    except (ValueError, TypeError):
        parsed = None
    if isinstance(parsed, dict):
        return ToolCall(id="", name=str(name), arguments=parsed)
    return ToolCall(id="", name=str(name), raw=str(given))


def _calls_in_python(source: str, tools: Collection[str]) -> list[ToolCall]:
    """Return the calls `name(key=literal, ...)`, one per line, in brackets or inside print(); [] when any line is
    something else. The source is parsed, never executed."""
    try:
        statements = parsed(source.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[ToolCall] = []
    for statement in statements:
        if not isinstance(statement, ast.Expr):
            return []
        value = statement.value
        for node in value.elts if isinstance(value, ast.List) else [value]:
            call = _call_of_node(node, tools)
            if call is None:
                return []
            found.append(call)
    return found


def _call_of_node(node: ast.expr, tools: Collection[str]) -> ToolCall | None:
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name) and node.func.id == "print" and len(node.args) == 1:
        return _call_of_node(node.args[0], tools)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in tools or node.args:
        return None
    try:
        arguments = {str(pair.arg): ast.literal_eval(pair.value) for pair in node.keywords if pair.arg}
        json.dumps(arguments)  # fails for a literal that JSON cannot write
    except (ValueError, TypeError):
        return None
    return ToolCall(id="", name=name, arguments=arguments)
