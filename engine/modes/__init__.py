"""What a request exercises: one file each, a plug-in that keeps `Mode` of engine/protocols.py.

Here a mode is looked up by its name. Read _plain.py first, then missing_function.py; what the files share has a _ . Not
here: how a dialogue is composed around the request (engine/planning/tasks.py), and how many requests of each mode a
batch gets (engine/planning/quotas.py).
"""

from __future__ import annotations

from engine import plugins
from engine.errors import InputError
from engine.protocols import Mode
from engine.types import mode_order


def names() -> tuple[str, ...]:
    """Return the modes that there are, in the order in which they are planned and shown."""
    return tuple(sorted(plugins.names("modes"), key=mode_order))


def named(name: str) -> Mode:
    """Return a mode. Raises InputError when there is none of that name."""
    mode: Mode = plugins.load("modes", name).usual
    return mode


def find(name: str) -> Mode | None:
    """Return a mode, or None where it is no longer there, as may be for what is stored."""
    try:
        return named(name)
    except InputError:
        if name in names():
            raise
        return None
