"""A call of a tool that stands without tags before further words: as JSON, as Python, or as Action and Action Input.

What stands at the end of a text is a call and is made (engine/llms/_text_calls.py). With words behind it nobody can
tell whether the model waits for the result, so it is never made; left in the answer, it is a leftover.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import Any

from engine.hygiene.prose import Prose
from engine.reading.json_value import first
from engine.reading.python_source import parsed

_JSON = re.compile(r"^[ \t]*(?=\{|\[\s{0,9}\{)", re.MULTILINE)
_PYTHON = re.compile(r"^[ \t]*(?P<call>\[?[ \t]*[\w.]{1,200}\([^\n]{0,2000}\)[ \t]*\]?)[ \t]*$", re.MULTILINE)
_ACTION = re.compile(
    r"^[ \t]*Action(?: \d{1,2})?:[ \t]*(?P<name>[\w.]{1,200})(?:[ \t]*\n[ \t]*Action Input(?: \d{1,2})?:|\()[^\n]*",
    re.MULTILINE,
)
_NAMES = ("name", "tool", "tool_name", "function", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "action_input")
_WRAPPERS = ("tool_calls", "tool_call", "function_call")
_MOST = 20
"""Places that are looked at; hostile texts have thousands."""


def find(prose: Prose, tools: Collection[str]) -> tuple[int, int] | None:
    """Return the place of a call of one of the tools, None where there is none, or only at the end of the text.

    Code shows a call, and so does a line before it that ends with a colon.
    """
    if not tools or not any(tool in prose.text for tool in tools):
        return None
    text = prose.plain
    for start, end in (*_as_json(text, tools), *_as_python(text, tools), *_as_action(text, tools)):
        if text[end:].strip() and not text[:start].rstrip().endswith((":", "：")):
            return start, end
    return None


def _as_json(text: str, tools: Collection[str]) -> Iterator[tuple[int, int]]:
    for number, match in enumerate(_JSON.finditer(text)):
        if number == _MOST:
            return
        try:
            value, end = first(text, match.end())
        except ValueError:
            continue
        if _is_call(value, tools):
            yield match.end(), end


def _is_call(value: Any, tools: Collection[str]) -> bool:
    """Return whether a JSON value is a call, or a list of them."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) and _is_call(one, tools) for one in value)
    if not isinstance(value, dict):
        return False
    inner = next((value[key] for key in (*_WRAPPERS, "function") if isinstance(value.get(key), dict | list)), None)
    if inner is not None:
        return _is_call(inner, tools)
    names = (value[key] for key in _NAMES if isinstance(value.get(key), str))
    return any(key in value for key in _ARGUMENTS) and any(_is_offered(name, tools) for name in names)


def _as_python(text: str, tools: Collection[str]) -> Iterator[tuple[int, int]]:
    for number, match in enumerate(_PYTHON.finditer(text)):
        if number == _MOST:
            return
        try:
            body = parsed(match["call"].strip()).body
        except (SyntaxError, ValueError):
            continue
        if len(body) == 1 and isinstance(body[0], ast.Expr) and _all_calls(body[0].value, tools):
            yield match.span("call")


def _all_calls(value: ast.expr, tools: Collection[str]) -> bool:
    nodes = value.elts if isinstance(value, ast.List) else [value]
    calls = [node for node in nodes if isinstance(node, ast.Call) and not node.args]
    return bool(nodes) and len(calls) == len(nodes) and all(_is_offered(ast.unparse(c.func), tools) for c in calls)


def _as_action(text: str, tools: Collection[str]) -> Iterator[tuple[int, int]]:
    for match in _ACTION.finditer(text):
        if _is_offered(match["name"], tools):
            yield match.span()


def _is_offered(name: str, tools: Collection[str]) -> bool:
    return name in tools or name.rpartition(".")[2] in tools
