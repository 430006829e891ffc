"""The values that a request withholds, which the user gives only when asked for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.dialogue.facts import normal
from engine.dialogue.questions import asked_about, asks, is_english, subjects, wants_confirmation
from engine.domains import templates
from engine.types import Task, TaskTurn

_DESCRIPTION = 12
"""Words above which a withheld text is a description, which has no name that a question could use."""


def holds(text: str, value: str) -> bool:
    """Return whether a text contains a value as whole words, in any letter case."""
    return re.search(rf"(?<!\w){re.escape(normal(value))}(?!\w)", normal(text)) is not None


def withheld(turn: TaskTurn, openly: str) -> list[str]:
    """Return the slot values, sorted, that the turn's hidden part contains and the text `openly` does not."""
    if turn.hidden is None:
        return []
    values = {str(value) for value in turn.slots.values() if value not in (None, "")}
    return sorted(value for value in values if holds(turn.hidden, value) and not holds(openly, value))


def tells(turn: TaskTurn, text: str) -> bool:
    """Return whether a text gives all values that the turn's request withholds; False when it withholds no slot
    value."""
    values = withheld(turn, turn.say)
    return bool(values) and all(holds(text, value) for value in values)


# ---------------------------------------------------------------- whether the assistant asked for it


def asked_for(task: Task, number: int, text: str) -> bool:
    """Return whether a text asks for what request `number` withholds.

    It does when it contains the reference's question; when its question shares a word with the slot, the reference's
    question, the withheld text or the argument that takes the value; or when it names nothing that the request does not
    ("Which one?"). Any question counts when a whole description is withheld, and in other languages than English, which
    are not understood.
    """
    turn = task.turns[number]
    if turn.ask is not None and turn.ask in text:
        return True
    asked = asked_about(text)
    if asked is None:
        return False
    if not is_english(asked) or len((turn.hidden or "").split()) > _DESCRIPTION:
        return True
    about, names = subjects(asked), _names(task, turn)
    if any(_alike(word, name) for word in about for name in names):
        return True
    return about <= subjects(turn.say) and not wants_confirmation(text)


def may_be_told(task: Task, number: int, texts: Sequence[str]) -> bool:
    """Return whether the user may give what request `number` withholds after these texts of the assistant: one asks for
    it, or two ask for anything, since a question can name the thing in unforeseen words."""
    return any(asked_for(task, number, text) for text in texts) or sum(asks(text) for text in texts) > 1


def _names(task: Task, turn: TaskTurn) -> set[str]:
    """Return the words that may name what a turn withholds, without common ones."""
    values = withheld(turn, turn.say)
    slots = {name for name, value in turn.slots.items() if str(value) in values}
    texts = [turn.ask or "", turn.hidden or "", *(name.replace("_", " ") for name in slots)]
    tools = {tool.name: tool.parameters.get("properties", {}) for tool in task.tools}
    for step in turn.chain:
        for name, source in step.arguments.items():
            if templates.names_below(source) & slots:
                about = tools.get(step.call, {}).get(name, {})
                texts += [name.replace("_", " "), str(about.get("description", ""))]
    return subjects(" ".join(texts))


def _alike(word: str, name: str) -> bool:
    return word == name or (min(len(word), len(name)) > 3 and (word.startswith(name) or name.startswith(word)))
