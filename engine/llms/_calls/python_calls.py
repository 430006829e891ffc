"""Calls written as Python: `find(id=1)`, also in a list, one a line, or inside print(). Nothing is executed."""

from __future__ import annotations

import ast
import re

from engine.llms._calls.json_calls import marked_calls
from engine.llms._calls.notation import NotWritten, Place, Written
from engine.reading.python_source import literal_in, parsed

HEAD = re.compile(r"\s*\[?\s*[\w.]{1,200}\s*\(")
"""How Python calls, or a list of them, begin."""


def marked_json_or_python(place: Place, *closers: str) -> list[Written]:
    """Read calls behind a sign of the family, up to one of these texts or the end of the text. Raises NotWritten."""
    if not HEAD.match(place.text, place.at):
        return marked_calls(place, *closers)
    begun = place.at
    source = place.until(*closers)
    if source is None:
        source, place.at = place.text[begun:], len(place.text)
    return python_calls(source)


def python_calls(source: str) -> list[Written]:
    """Return the calls of which a Python text consists. Raises NotWritten when it holds anything else."""
    try:
        statements = parsed(source.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotWritten from None
    nodes = [node for statement in statements for node in _nodes(statement)]
    if not nodes:
        raise NotWritten
    return [_call(node) for node in nodes]


def _nodes(statement: ast.stmt) -> list[ast.expr]:
    if not isinstance(statement, ast.Expr):
        raise NotWritten
    value = statement.value
    return value.elts if isinstance(value, ast.List | ast.Tuple) else [value]


def _call(node: ast.expr) -> Written:
    if not isinstance(node, ast.Call):
        raise NotWritten
    if isinstance(node.func, ast.Name) and node.func.id == "print" and len(node.args) == 1:
        return _call(node.args[0])
    if node.args:
        raise NotWritten
    name = _dotted(node.func).removesuffix(".call")  # Llama writes `find.call(id=1)`
    try:
        return Written(name, {pair.arg: literal_in(pair.value) for pair in _named(node)})
    except ValueError:
        raise NotWritten from None


def _dotted(node: ast.expr) -> str:
    """Return a name with what stands before it: `default_api.find`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise NotWritten
    return ".".join(reversed([*parts, node.id]))


def _named(node: ast.Call) -> list[ast.keyword]:
    if any(pair.arg is None for pair in node.keywords):
        raise NotWritten
    return node.keywords
