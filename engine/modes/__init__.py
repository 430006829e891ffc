"""Modes: what one request of a dialogue exercises. Each is a plug-in file that keeps `Mode` of engine/protocols.py.

This module looks a mode up by its name. Read _plain.py first, then missing_function.py; files with a _ are shared by
the others. Not here: how a dialogue is composed around the request (engine/planning/tasks.py), and how many requests of
each mode a batch gets (engine/planning/quotas.py).
"""

from __future__ import annotations

from engine import plugins
from engine.errors import InputError
from engine.protocols import Mode
from engine.types import mode_order


def names() -> tuple[str, ...]:
    """Return the names of the existing modes, in the order in which they are planned and shown."""
    return tuple(sorted(plugins.names("modes"), key=mode_order))


def named(name: str) -> Mode:
    """Return the mode of this name. Raises InputError when there is none."""
    mode: Mode = plugins.load("modes", name).usual
    return mode


def find(name: str) -> Mode | None:
    """Return the mode of this name, or None: stored data may name one whose file was removed. Raises InputError for a
    file that cannot be loaded."""
    try:
        return named(name)
    except InputError:
        if name in names():
            raise
        return None
