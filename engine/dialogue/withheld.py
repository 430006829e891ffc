"""What a request leaves out: the values that the user tells only when asked for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.dialogue.facts import normal
from engine.dialogue.questions import asked_about, asks, is_english, subjects, wants_confirmation
from engine.domains import templates
from engine.types import Task, TaskTurn

_DESCRIPTION = 12  # words; what tells more has no name that a question could use


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


# ---------------------------------------------------------------- when it may be told


def asked_for(task: Task, number: int, text: str) -> bool:
    """Return whether a text asks for what the request `number` holds back.

    It does in the words of the reference; when its question names it, by a word of the slot, of the reference's
    question, of the answer or of the argument it is for; and when it names nothing that the request does not ("Which
    one?"). For a whole description every question asks, and in another language than English, as nothing is
    understood of that.
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
    """Return whether what the request `number` holds back may be told after these texts of the assistant: one of them
    asks for it, or it asks a second time, since a question can name a thing in words that nobody foresaw."""
    return any(asked_for(task, number, text) for text in texts) or sum(asks(text) for text in texts) > 1


def _names(task: Task, turn: TaskTurn) -> set[str]:
    """Return the words, common ones left out, that what a turn holds back goes by."""
    values = withheld(turn, turn.say)
    slots = {name for name, value in turn.slots.items() if str(value) in values}
    told = [turn.ask or "", turn.hidden or "", *(name.replace("_", " ") for name in slots)]
    tools = {tool.name: tool.parameters.get("properties", {}) for tool in task.tools}
    for step in turn.chain:
        for name, source in step.arguments.items():
            if templates.names_below(source) & slots:
                about = tools.get(step.call, {}).get(name, {})
                told += [name.replace("_", " "), str(about.get("description", ""))]
    return subjects(" ".join(told))


def _alike(word: str, name: str) -> bool:
    return word == name or (min(len(word), len(name)) > 3 and (word.startswith(name) or name.startswith(word)))
