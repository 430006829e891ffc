"""What gave a value that an answer states."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from engine.judging.claims.dates import month_name
from engine.judging.claims.entries import Given
from engine.judging.claims.evidence import Evidence
from engine.judging.claims.ids import compact
from engine.judging.claims.said import Said
from engine.judging.claims.sums import matches
from engine.judging.claims.value import TIME_UNITS, Day, Value, agrees, is_day
from engine.judging.claims.words import stem, stems, words_of

SMALL = 12
"""Whole numbers up to this one stand in too many sentences to be looked for in the policy without their noun."""
_LONG_ID = 10
"""Letters and digits of an id that is also looked for in what was given without any separators."""
_NUMBER = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is held against what was given before it. `words` are the stems of all its words."""

    text: str
    said: tuple[Said, ...]
    words: frozenset[str]
    evidence: Evidence
    meant: dict[int, list[Given]] = field(default_factory=dict, repr=False, compare=False)
    """What `meant_sources` found, by the identity of a `Said`: several rules ask for it."""


def answer_of(text: str, said: list[Said], evidence: Evidence) -> Answer:
    return Answer(text, tuple(said), frozenset(word for word, _ in stems(text)), evidence)


def is_small(value: Value) -> bool:
    """Return whether an amount is a small whole number that is no money and no share."""
    return value.kind == "amount" and value.unit not in ("money", "%") and value.key in range(SMALL + 1)


def is_given(one: Said, answer: Answer) -> bool:
    """Return whether anything gave the value."""
    value, text = one.value, answer.evidence.text
    if value.kind == "id":
        return _id_is_given(value, answer.evidence)
    if value.kind == "date" and value.key[1] and value.key[2] is None:
        year, month, _ = value.key
        return f"{year}-{month:02d}" in text or month_name(month) in text or bool(sources(one, answer))
    if value.kind == "amount" and not value.unit and 1900 <= value.key <= 2100 and str(value.key) in text:
        return True
    return bool(sources(one, answer))


def sources(one: Said, answer: Answer) -> list[Given]:
    """Return all that gave a value."""
    value, evidence = one.value, answer.evidence
    if value.kind == "date":
        return _days_given(value, evidence)
    if value.kind == "time":
        return [given for minute in value.key for given in evidence.times.get(minute, ())]
    return _amounts_given(one, evidence) if value.kind == "amount" else []


def meant_sources(one: Said, answer: Answer) -> list[Given]:
    """Return what gave a value and is meant: no rule that speaks of something else, and of the rest what the words
    beside the value name, where they name some of it."""
    known = answer.meant.get(id(one))
    if known is None:
        known = answer.meant[id(one)] = _meant_sources(one, answer)
    return known


def _meant_sources(one: Said, answer: Answer) -> list[Given]:
    found = [g for g in sources(one, answer) if g.source != "policy" or g.labels & answer.words]
    if any(given.source == "result" for given in found):
        found = [given for given in found if given.source != "call"]
    own = {*one.labels, *one.title}
    named = [given for given in found if _is_named(given, own)]
    if not named and any(given.is_field and given.source == "result" for given in found):
        return [given for given in found if given.source != "policy"]
    return named or found


def _is_named(given: Given, own: set[str]) -> bool:
    """Whether some words stand for what gave a value; around a rule stand many, so of those close by two."""
    return len(given.near & own) > 1 if given.source == "policy" else bool(given.labels & own)


def _days_given(value: Value, evidence: Evidence) -> list[Given]:
    keys = [value.key]
    if "/" in value.text and None not in value.key:
        keys.append((value.key[0], value.key[2], value.key[1]))
    by_day = evidence.once(_by_day_of_month)
    return [
        given
        for key in keys
        if is_day(key)
        for day in (evidence.days if key[2] is None else (*by_day.get(key[2], ()), *by_day.get(None, ())))
        if agrees(key, day) and day[1:] != (None, None)
        for given in evidence.days[day]
    ]


def _by_day_of_month(evidence: Evidence) -> dict[int | None, list[Day]]:
    """Return the given days by their day of the month, None where only year and month are given."""
    found: dict[int | None, list[Day]] = {}
    for day in evidence.days:
        found.setdefault(day[2], []).append(day)
    return found


def _amounts_given(one: Said, evidence: Evidence) -> list[Given]:
    value = one.value
    found = [given for given in evidence.amounts.get(abs(value.key), ()) if _fits(one, given)]
    if not found and value.near:
        found = [g for key, given in evidence.amounts.items() if matches(value, key) for g in given]
    return found


def _fits(one: Said, given: Given) -> bool:
    """Whether a given number may be what is stated: a small number of a rule only with its noun, days are no hours."""
    value = one.value
    if value.unit == "%":
        return given.unit == "%" or (given.name != "" and given.unit == "" and given.source != "policy")
    if given.unit == "%" or (value.unit in TIME_UNITS and given.unit in TIME_UNITS and value.unit != given.unit):
        return False
    if value.unit == "money":
        return not given.is_count and given.unit not in TIME_UNITS
    if given.source != "policy" and (given.is_field or given.is_count or not given.labels or given.source == "user"):
        return True
    if not is_small(value) or value.unit == given.unit != "":
        return True
    return given.source == "policy" and not (value.unit and given.unit) and bool(given.labels & set(one.labels[:2]))


# ---------------------------------------------------------------- ids


def _id_is_given(value: Value, evidence: Evidence) -> bool:
    key: str = value.key
    if _stands_in(key, evidence.text):
        return True
    if _NUMBER.fullmatch(key) and Decimal(key) in evidence.amounts:
        return True
    if key.isdigit() and 3 <= len(key) <= 5 and any(known.endswith(key) for known in evidence.once(_compact_ids)):
        return True
    if not key.isdigit() and _is_written_otherwise(compact(key), evidence):
        return True
    if "/" in key:
        folder, _, name = key.strip("/").rpartition("/")
        return bool(name) and _stands_in(name, evidence.text) and _stands_in(folder, evidence.text)
    digits = re.sub(r"[ +()-]", "", key)
    if digits.isdigit() and len(digits) >= 6:
        given = evidence.once(_joined_digits)
        return digits in given or (digits[0] == "0" and digits[1:] in given)
    return False


def _is_written_otherwise(key: str, evidence: Evidence) -> bool:
    """Return whether an id was given with other separators; a long one may have been given in groups."""
    if key in evidence.once(_compact_ids):
        return True
    return len(key) >= _LONG_ID and key in evidence.once(_joined)


def _compact_ids(evidence: Evidence) -> frozenset[str]:
    return frozenset(map(compact, evidence.ids))


def _joined(evidence: Evidence) -> str:
    return compact(evidence.text)


def _joined_digits(evidence: Evidence) -> str:
    return re.sub(r"(?<=\d)[ ()-]+(?=\d)", "", evidence.text)


def _stands_in(key: str, text: str) -> bool:
    """Return whether an id stands in a text as a whole; behind letters too, where it is of digits only."""
    place = text.find(key)
    while place >= 0:
        before, behind = text[place - 1 : place], text[place + len(key) : place + len(key) + 1]
        if not behind.isalnum() and not (before.isdigit() if key.isdigit() else before.isalnum()):
            return True
        place = text.find(key, place + 1)
    return False


# ---------------------------------------------------------------- what is counted

_VERBS = frozenset(map(stem, words_of("pass passed fail failed ran run left remain remains open booked ready")))


def head_noun(one: Said) -> str:
    """Return the stem of what a number counts: "class" in "4 test classes"; "" where it counts nothing."""
    if not one.value.unit or one.value.unit in ("money", "%"):
        return ""
    nouns = [word for word in one.noun[:3] if word not in _VERBS]
    return nouns[-1] if nouns else one.value.unit
