"""Python source as a syntax tree. Nothing is executed."""

from __future__ import annotations

import ast
import threading

_PARSING = threading.Lock()


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a module. Raises SyntaxError, and ValueError for a character that no source may hold.

    One thread at a time, because CPython 3.11 may raise SystemError when two build trees at once.
    """
    with _PARSING:
        return ast.parse(source)
