"""Read the training flags of OpenAI, Mistral, axolotl, ms-swift, tinker, NeMo-RL and TRL's KTO: which turns to train.

A turn is trained unless a flag masks it: one that is false or not above 0, or a mask that is true or above 0. A number
other than 0 and 1 is a weight, which a turn cannot hold, so the report counts it as lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from engine.errors import InputError
from engine.importing.lines import json_in
from engine.importing.report import Notes
from engine.types import Turn

_MASKS = ("masked", "is_masked")
"""Flags that mask a turn when they are true."""
ON_MESSAGE = (
    "train", "training", "trainable", "loss", "weight", "loss_scale", "loss_weight", "loss_multiplier", "loss_mask",
    "step_loss_mask", *_MASKS,
)  # fmt: skip
ON_ROW = (*ON_MESSAGE, "sample_weight")
_LABELS = ("label", "kto_tag")
"""KTO labels of a row: whether the answer is good, in any spelling of yes and no. Any other number is a class."""
SPANS = ("train_detail", "training_detail")
"""axolotl: a list of character spans, each with its own flag; or one flag for the whole."""
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
PARTLY = "partly_untrained_turn_left_untrained"


def trained(said: Mapping[str, Any], names: Iterable[str], notes: Notes) -> bool:
    """Return whether all flags among `names` let the message (or row) be trained. A list of flags, one a token, speaks
    for its message where all are alike; where they differ the message is not trained, as its mask cannot be held. Of a
    row such a list is lost: it masks the prompt as a rule."""
    return all([_one_or_all(name, said[name], names, notes) for name in names if said.get(name) is not None])


def _one_or_all(name: str, value: Any, names: Iterable[str], notes: Notes) -> bool:
    numbers = {_flag_number(one) for one in value} if isinstance(value, list) else set()
    if not numbers or None in numbers:
        return _flag_trains(name, value, notes)
    if len(wanted := {_flag_trains(name, one, notes) for one in value}) == 1:
        return wanted.pop()
    if names is ON_ROW:
        notes.lose(name, value)
        return True
    notes.changed.add(PARTLY)
    return False


def trained_parts(parts: Sequence[Mapping[str, Any]], notes: Notes) -> bool:
    """Return whether all content parts of one turn are trained. A turn has one mask, so one masked part masks the
    whole turn."""
    wanted = [trained(part, ON_MESSAGE, notes) for part in parts]
    if any(wanted) and not all(wanted):
        notes.changed.add(PARTLY)
    return all(wanted)


def asks_training(said: Mapping[str, Any]) -> bool:
    """Return whether any flag of a message asks for training."""
    return any(said.get(name) is not None and _flag_trains(name, said[name], Notes()) for name in ON_MESSAGE)


def spans_trained(said: Mapping[str, Any], notes: Notes) -> bool:
    """Return whether axolotl's spans let the whole message be trained."""
    return all([_span_trains(name, said[name], notes) for name in SPANS if said.get(name) is not None])


def _span_trains(name: str, value: Any, notes: Notes) -> bool:
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        with suppress(InputError):
            value = json_in(value, "")
    if not isinstance(value, list):
        return _flag_trains(name, value, notes) if value not in ("", {}) else True
    if not all(isinstance(one, dict) for one in value):
        notes.lose(name, value)
    if all([trained(one, ON_MESSAGE, notes) for one in value if isinstance(one, dict)]):
        return True
    notes.changed.add(PARTLY)
    return False


def labels_of(row: Mapping[str, Any]) -> dict[str, bool]:
    """Return the KTO labels of a row by the names of their columns."""
    found = {name: _flag_number(row.get(name)) for name in _LABELS}
    return {name: bool(number) for name, number in found.items() if number in (0, 1)}


def label_of(row: Mapping[str, Any]) -> bool | None:
    """Return the KTO label of a row, or None."""
    return next(iter(labels_of(row).values()), None)


def with_answers_masked(turns: Iterable[Turn]) -> list[Turn]:
    """Return the turns with every answer masked."""
    return [turn.model_copy(update={"train": False}) if turn.role == "assistant" else turn for turn in turns]


def _flag_trains(name: str, value: Any, notes: Notes) -> bool:
    """Return whether one flag lets a turn be trained; True for a value in no known spelling, which is noted as lost."""
    number = _flag_number(value)
    if number is None:
        notes.lose(name, value)
        return True
    if number > 0 and number != 1:
        notes.lost.add(f"{name} other than 0 and 1")
    return (number > 0) != (name in _MASKS)


def _flag_number(value: Any) -> float | None:
    """Return a flag as a number, 1 for yes and 0 for no; None when it is in no known spelling."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _WORDS:
            return float(_WORDS[word])
        try:
            return float(word)
        except ValueError:
            return None
    if isinstance(value, int):
        return (
            float(value) if value in (0, 1) else (2.0 if value > 0 else -1.0)
        )  # float() fails for very large integers
    return value if isinstance(value, float) else None
