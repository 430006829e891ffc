"""What texts of people give: the policy, descriptions of tools, and messages of the user. Each value stands with the
words around it, which say what it is."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from engine.judging.claims.entries import Given, Source
from engine.judging.claims.value import whole_day
from engine.judging.claims.values import values, values_of
from engine.judging.claims.words import stems

_AROUND, _CLOSE = 120, 30
"""How many characters before and behind a value the words stand that say what it is."""
_ITEM = re.compile(r"\s*\d+[.)]\s")
"""The number of a list's item."""
_TODAY = re.compile(r"\btoday(?:'s date)?(?: \(.*?\))? is\b|\bcurrent date\b", re.IGNORECASE)
_REACH = 60


@lru_cache(maxsize=256)
def of_policy(text: str, place: str) -> tuple[Given, ...]:
    """Return what a text gives that holds for a whole dialogue; it is read once."""
    return tuple(of_text(text, "policy", place, 0))


def of_text(text: str, source: Source, place: str, order: int) -> Iterator[Given]:
    """Yield the values of a text with the words around them."""
    around = stems(text)
    places = [at for _, at in around]
    for value in values(text):
        item = _ITEM.match(text, text.rfind("\n", 0, value.start) + 1)
        if item and value.start < item.end():
            continue
        labels, near = (
            frozenset(
                word
                for word, _ in around[bisect_left(places, value.start - size) : bisect_right(places, value.end + size)]
            )
            for size in (_AROUND, _CLOSE)
        )
        yield Given(value.kind, value.key, source, place, labels, order, unit=value.unit, near=near)


@lru_cache(maxsize=256)
def today_of(text: str) -> date | None:
    """Return the day that a policy calls today, None where it names none."""
    found = _TODAY.search(text)
    stated = values_of(text[found.end() : found.end() + _REACH]) if found else ()
    return next((day for value in stated if value.kind == "date" and (day := whole_day(value.key)) is not None), None)
