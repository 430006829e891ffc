"""A mode that somebody drops in: one file, and nothing else is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import plugins

FILE = '''"""Reads only.

A change is not free here, even one that is undone again.
"""

from __future__ import annotations

from engine.modes._messages import writes
from engine.modes._plain import PlainMode
from engine.types import Finding
from engine.types import Domain, Options, Span, TaskTemplate, Trajectory

__all__ = ["ReadOnlyMode"]


class Config(Options):
    """There is nothing to set."""


class ReadOnlyMode(PlainMode):
    help = "Looking things up serves the request, and nothing may be changed."

    def serves(self, domain: Domain, template: TaskTemplate) -> bool:
        reads = {tool.name for tool in domain.tools if tool.effect == "read"}
        chain = template.turns[0].chain
        return bool(chain) and all(step.call in reads for step in chain)

    def finding(self, trajectory: Trajectory, number: int, span: Span) -> Finding:
        changed = writes(trajectory, span)
        if changed:
            return Finding(False, f"{changed[0][1].name} was called, which changes something.", (changed[0][0],))
        return Finding(True, "Nothing that changes something was called.")
'''


@contextmanager
def dropped_in(folder: Path) -> Iterator[None]:
    """Write the mode into a folder, and have it found as one of engine/modes until the context ends."""
    (folder / "read_only.py").write_text(FILE)
    with plugins.also_in("modes", folder):
        yield
