"""Which turns a row wants trained, in the words of OpenAI, Mistral, axolotl, ms-swift, tinker, NeMo-RL and TRL's KTO.

A turn is trained unless a flag says otherwise. A flag counts as "no" when it is false or a number not above 0; a
number other than 0 and 1 is a weight, which a turn cannot hold: the turn is trained and the report says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.importing.report import Notes
from engine.types import Turn

ON_MESSAGE = ("train", "training", "trainable", "loss", "weight", "loss_scale", "loss_weight", "loss_multiplier")
ON_ROW = (*ON_MESSAGE, "sample_weight")
LABELS = ("label", "kto_tag")
"""Of a row, true or false: was this a good answer (KTO)?"""
SPANS = ("train_detail", "training_detail")
"""axolotl: a list of character spans, each with its own flag."""
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
PARTLY = "partly_untrained_turn_left_untrained"


def trained(said: Mapping[str, Any], names: Iterable[str], notes: Notes) -> bool:
    """Return whether the flags leave something trained."""
    return all([_counts(name, said[name], notes) for name in names if said.get(name) is not None])


def trained_parts(parts: Sequence[Mapping[str, Any]], notes: Notes) -> bool:
    """Return whether the parts (or spans) of one turn are trained. A turn has one mask, so one part that must not be
    trained keeps the whole turn from it."""
    wanted = [trained(part, ON_MESSAGE, notes) for part in parts]
    if any(wanted) and not all(wanted):
        notes.changed.add(PARTLY)
    return all(wanted)


def label_of(row: Mapping[str, Any]) -> bool | None:
    """Return the KTO label of a row, or None."""
    return next((row[name] for name in LABELS if isinstance(row.get(name), bool)), None)


def untrained(turns: Iterable[Turn]) -> list[Turn]:
    """Return the turns with every answer masked."""
    return [turn.model_copy(update={"train": False}) if turn.role == "assistant" else turn for turn in turns]


def _counts(name: str, value: Any, notes: Notes) -> bool:
    number = _number(value)
    if number is None:
        notes.lose(name, value)
        return True
    if number > 0 and number != 1:
        notes.lost.add(f"{name} other than 0 and 1")
    return number > 0


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _WORDS:
            return float(_WORDS[word])
        try:
            return float(word)
        except ValueError:
            return None
    if isinstance(value, int):
        return float(value) if value in (0, 1) else (2.0 if value > 0 else -1.0)  # float() fails for very large ones
    return value if isinstance(value, float) else None
