"""Which calls of a user turn are new to its dialogue. Pure.

A teacher rightly does not repeat a read whose result is in the dialogue. So what a mode is about must be in calls that
were not made before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.domains import templates
from engine.types import Domain, ReferenceCall, TaskTurn


def new_calls(domain: Domain, earlier: Sequence[TaskTurn], turn: TaskTurn) -> list[int]:
    """Return the indexes of the turn's calls that neither the earlier turns nor its own chain made before.

    A write is always new. A read is not new when it may equal an earlier one, as when its arguments are results.
    """
    writes = {tool.name for tool in domain.tools if tool.effect == "write"}
    made = [(step, other.slots) for other in earlier for step in other.chain]
    return [
        position
        for position, step in enumerate(turn.chain)
        if step.call in writes
        or not (
            any(own.call == step.call and own.arguments == step.arguments for own in turn.chain[:position])
            or any(_may_repeat(step, turn.slots, *entry) for entry in made)
        )
    ]


def _may_repeat(step: ReferenceCall, slots: Mapping[str, Any], made: ReferenceCall, known: Mapping[str, Any]) -> bool:
    """Return whether a call may equal one of an earlier turn (`made`, with the slots `known`); an argument that is a
    result may have any value."""
    if step.call != made.call or step.arguments.keys() != made.arguments.keys():
        return False
    for name, source in step.arguments.items():
        other = made.arguments[name]
        drawn = templates.names_below(source) <= slots.keys() and templates.names_below(other) <= known.keys()
        if drawn and templates.render_value(source, slots) != templates.render_value(other, known):
            return False
    return True
