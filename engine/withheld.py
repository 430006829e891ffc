"""What a request leaves out (mode `missing_parameter`): the values that the user tells only when asked."""

from __future__ import annotations

import re

from engine.facts import normal
from engine.types import TaskTurn


def holds(text: str, value: str) -> bool:
    """Return whether a text holds a value as whole words, whatever the letter case."""
    return re.search(rf"(?<!\w){re.escape(normal(value))}(?!\w)", normal(text)) is not None


def withheld(turn: TaskTurn, openly: str) -> list[str]:
    """Return the slot values, sorted, that the turn's hidden part tells and the text `openly` does not."""
    if turn.hidden is None:
        return []
    values = {str(value) for value in turn.slots.values() if value not in (None, "")}
    return sorted(value for value in values if holds(turn.hidden, value) and not holds(openly, value))


def tells(turn: TaskTurn, text: str) -> bool:
    """Return whether a text holds all that the turn's request leaves out; False where that is no slot value."""
    values = withheld(turn, turn.say)
    return bool(values) and all(holds(text, value) for value in values)
