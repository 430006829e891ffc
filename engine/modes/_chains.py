"""The dependencies between the calls of a template's chain."""

from __future__ import annotations

from engine.domains import templates
from engine.types import TemplateTurn


def dependencies(turn: TemplateTurn) -> list[set[int]]:
    """Return, for each call of the turn's chain, the indexes of the earlier calls whose results it uses."""
    saved: dict[str, int] = {}
    found: list[set[int]] = []
    for position, step in enumerate(turn.chain):
        found.append({saved[name] for name in templates.names_below(step.arguments) if name in saved})
        if step.save:
            saved[step.save] = position
    return found
