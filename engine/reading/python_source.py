"""Python source as a syntax tree. Nothing is executed."""

from __future__ import annotations

import ast
import threading

_PARSING = threading.Lock()


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a module. One at a time: CPython 3.11 may raise SystemError when two threads build
    trees at once. Raises SyntaxError, and ValueError for a character that no source may hold."""
    with _PARSING:
        return ast.parse(source)
