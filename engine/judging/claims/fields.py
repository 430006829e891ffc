"""Which field of a result the words beside a value name, and whether that has another value."""

from __future__ import annotations

from decimal import Decimal

from engine.judging.claims.entries import Given
from engine.judging.claims.given import Answer, head_noun, meant_sources, sources
from engine.judging.claims.said import Said
from engine.judging.claims.value import TIME_UNITS, Value, agrees
from engine.judging.claims.words import stem, words_of

_VAGUE = frozenset(
    map(
        stem,
        words_of(
            "number date day time name id value order customer item result own pay paid line count type kind total"
        ),
    )
)
"""Stems of field names that do not say which of two values is meant."""


def told(given: Given) -> str:
    """Say who gave which value."""
    if not given.name:
        return f"{given.place} counted {_shown(given)}"
    return f"{given.place} gave {given.name.replace('_', ' ')} {_shown(given)}"


def _shown(given: Given) -> str:
    if given.kind == "date":
        return "-".join(f"{part:02d}" for part in given.key if part is not None)
    if given.kind == "time":
        return f"{given.key[0] // 60:02d}:{given.key[0] % 60:02d}"
    return f"{given.key}"


def named_field(one: Said, answer: Answer) -> Given | None:
    """Return the field of a result that the words beside a value name: all words of its name, or the nearest word where
    no other field has it."""
    if one.value.kind == "id":
        return None
    phrases = [one.noun, one.title]
    if (
        one.value.kind == "date"
        and sum(other.clause == one.clause for other in answer.said if other.value.kind == "date") == 1
    ):
        phrases += [(label,) for label in one.labels]
    candidates = [_field_of(words, one, answer) for words in phrases if words]
    return next((field for field in candidates if field is not None), None)


def _field_of(words: tuple[str, ...], one: Said, answer: Answer) -> Given | None:
    own = set(words)
    nearest = set(words[: 1 + (words[0] == one.value.unit)])
    counts = one.value.kind == "amount" and one.noun[:1] == (one.value.unit,) and _is_whole(one.value.key)
    fraction = one.value.kind == "amount" and not _is_whole(one.value.key)
    fields = [
        given
        for given in _with_labels(nearest, answer)
        if given.current
        and given.kind == one.value.kind
        and nearest & given.labels - _VAGUE
        and (given.labels - _VAGUE <= own or _is_short_for(nearest, given, answer))
        and not (counts and not _is_whole(given.key))
        and not (fraction and _is_integer(given.key))
        and (one.value.unit == "%") == ("percent" in given.name)
    ]
    whole = [given for given in fields if given.labels - _VAGUE <= own]
    if not whole and len({given.name for given in fields}) > 1:
        return None
    return max(whole or fields, key=lambda given: (len(given.labels & own), given.order), default=None)


def _with_labels(labels: set[str], answer: Answer) -> list[Given]:
    """Return the fields of results that have one of some labels, in the order in which they were given."""
    found = {id(given): given for label in labels for given in answer.evidence.fields.get(label, ())}
    return sorted(found.values(), key=lambda given: given.order)


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()


def _is_integer(number: object) -> bool:
    """Whether a result wrote a number without a decimal point."""
    return isinstance(number, Decimal) and number.as_tuple().exponent == 0


def _is_short_for(words: set[str], given: Given, answer: Answer) -> bool:
    """Whether one of some words may stand for the whole name of a field: any for a day, and the last one for an amount
    where the others stand elsewhere in the answer or the question."""
    if given.kind != "amount":
        return True
    last = stem(given.name.rpartition("_")[2].rpartition(" ")[2])
    return last in words and given.labels - _VAGUE - words <= answer.words | answer.evidence.asked


def other_field(one: Said, answer: Answer) -> str | None:
    """Say which value belongs to the words beside it, where the stated one is of another field."""
    best = named_field(one, answer)
    if best is None or same(one.value, best):
        return None
    found = meant_sources(one, answer)
    if any(not given.labels for given in found):
        return None
    own = {*one.title, *one.noun}
    wanted = answer.evidence.asked
    whole = best.labels - _VAGUE <= own
    known = max((_known(given, own) + bool(given.labels & wanted) * (not whole) for given in found), default=0)
    if known and (known >= len(best.labels & own) or not whole):
        return None
    if not whole and any(same(other.value, best) for other in answer.said if other.value.kind == one.value.kind):
        return None
    beside = [other for other in answer.said if other.clause == one.clause and other.value.kind == one.value.kind]
    taken = [other for other in beside if other is not one and same(other.value, best)]
    if taken and not any(_are_swapped(one, other, answer) for other in taken):
        return None
    return told(best)


def _known(given: Given, own: set[str]) -> int:
    """Return how many of some words stand for what gave a value. Of a text, around which many words stand, those close
    by count; of what the user wrote, one that is further away too."""
    if given.source == "policy":
        return len(given.near & own)
    if given.source == "user":
        return max(len(given.near & own), min(len(given.labels & own), 1))
    return len(given.labels & own)


def same(value: Value, given: Given) -> bool:
    """Return whether a stated value is a given one."""
    if value.kind == "time":
        return bool(set(value.key) & set(given.key))
    if value.kind == "date":
        return agrees(value.key, given.key)
    return bool(value.key == given.key if value.kind == "id" else abs(value.key) == abs(given.key))


def _are_swapped(one: Said, other: Said, answer: Answer) -> bool:
    """Whether the words beside the other value name the field that gave the one."""
    best = named_field(other, answer)
    return best is not None and same(one.value, best)


def other_number(one: Said, answer: Answer) -> str | None:
    """Say how many a tool's text counts, where the number stands in such texts only elsewhere: "42 tests", not 46."""
    if one.value.kind != "amount" or any(given.labels or given.source != "result" for given in sources(one, answer)):
        return None
    best = counted(one, answer)
    return told(best) if best is not None and not same(one.value, best) else None


def counted(one: Said, answer: Answer) -> Given | None:
    """Return the last number of a tool's text that counts what the answer counts."""
    noun = head_noun(one)
    found = [given for given in answer.evidence.units.get(noun, ()) if given.source == "result" and not given.name]
    if not found or (noun in TIME_UNITS and not found[-1].labels & set(one.labels)):
        return None
    return found[-1]
