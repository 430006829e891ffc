"""Python source as a syntax tree. Nothing is executed."""

from __future__ import annotations

import ast
import threading
import warnings
from typing import Any

from engine.reading.json_value import without_surrogates, writable_below

_PARSING = threading.Lock()


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a module. Raises SyntaxError, and ValueError for a character that no source may hold.

    One thread at a time, because CPython 3.11 may raise SystemError when two build trees at once.
    """
    with _PARSING, warnings.catch_warnings():
        for kind in (SyntaxWarning, DeprecationWarning):  # a warning about a stranger's text helps nobody
            warnings.simplefilter("ignore", kind)
        try:
            return ast.parse(source)
        except (RecursionError, MemoryError):  # which of them Python raises depends on what is nested
            raise SyntaxError("it is nested too deep") from None


def literal(source: str) -> Any:
    """Return the value of a Python literal (`{'a': None}`) that JSON can hold; a tuple becomes a list. Raises
    ValueError."""
    try:
        body = parsed(source.strip()).body
    except SyntaxError as error:
        raise ValueError("it is no Python") from error
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise ValueError("it is no value")
    return literal_in(body[0].value)


def literal_in(node: ast.expr) -> Any:
    """Return the value of a literal in a syntax tree, as `literal` does. `true`, `false` and `null` are read too."""
    try:
        value = without_surrogates(ast.literal_eval(_ConstantsOfJSON().visit(node)))
        if writable_below(value) and _named_by_text(value):
            return value
    except (TypeError, RecursionError, MemoryError) as error:
        raise ValueError("it is no literal") from error
    raise ValueError("JSON cannot hold it")


class _ConstantsOfJSON(ast.NodeTransformer):
    """Puts Python's constants in the place of JSON's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        known = {"true": True, "false": False, "null": None}
        return ast.Constant(known[node.id]) if node.id in known else node


def _named_by_text(value: Any) -> bool:
    """Return whether the keys of all objects in a value are texts."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _named_by_text(inner) for key, inner in value.items())
    return all(map(_named_by_text, value)) if isinstance(value, list) else True
