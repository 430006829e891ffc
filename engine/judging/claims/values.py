"""Which values a text states: amounts, dates, times of day, and ids, each with its place. Pure; English.

What is understood of amounts: digits with separators, a currency or a unit, percentages, numbers in words, thousands
and millions. Of dates: ISO, "3 March 2026", "March 3rd", "the 3rd", weekdays beside them. Of times: 14:30, "2:30 pm",
"half past two". Of ids: what mixes letters and digits, groups of digits, paths, addresses of e-mail. Not understood:
fractions in words ("a third"), Roman numerals, and words that point ("tomorrow", "the latter"). Blocks of code are
passed over, and so is code within a line, such as `total = 4`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from engine.judging.claims.amounts import NUMBER_WORD, amounts, ordinals, spelled
from engine.judging.claims.dates import dates, times
from engine.judging.claims.ids import ids
from engine.judging.claims.value import Page, Value

_CODE = re.compile(
    r"(?:```|~~~).*?(?:```|~~~|\Z)|`(?=[^`\n]*(?:[=(){}\[\]<>;]|\b(?:return|import|def|assert|raise)\b))[^`\n]+`",
    re.DOTALL,
)
"""Blocks of code, and code within a line that is no mere name or value."""
_PART = 3000
"""Characters that are read at once."""
_DIGIT = re.compile(r"\d")
_READERS = (
    (ids, re.compile(r"\w[/.@]\w")),
    (dates, None),
    (times, re.compile(r"\b(?:past|to|at|o'clock|in the|noon|midday|midnight)\b", re.IGNORECASE)),
    (amounts, None),
    (ordinals, None),
    (spelled, NUMBER_WORD),
)
"""What reads values, in this order, each with what it may find in a text without digits."""


def values(text: str) -> list[Value]:
    """Return the values of a text in the order of their places, none of which overlap."""
    rest = _CODE.sub(lambda code: chr(0) * len(code[0]), text) if "`" in text or "~~~" in text else text
    if len(text) <= _PART:
        return _of_page(Page(text, rest))
    return [
        replace(value, start=value.start + start, end=value.end + start)
        for start, stop in _parts(text)
        for value in _of_page(Page(text[start:stop], rest[start:stop]))
    ]


def _of_page(page: Page) -> list[Value]:
    with_digits = _DIGIT.search(page.rest) is not None
    for reader, without in _READERS:
        if with_digits or (without is not None and without.search(page.rest)):
            for value in list(reader(page)):
                page.take(value)
    return sorted(page.found, key=lambda value: value.start)


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts in which a long text is read, so that the time grows with its length and not faster."""
    start = 0
    while start < len(text):
        stop = start + _PART
        if stop < len(text):
            ends = (text.rfind(end, start + _PART // 2, stop) + 1 for end in ("\n", ". ", " "))
            stop = next((end for end in ends if end), stop)
        yield start, min(stop, len(text))
        start = stop


@lru_cache(maxsize=4096)
def values_of(text: str) -> tuple[Value, ...]:
    """Return the values of a text that is likely to come again, such as a policy or a product's name."""
    return tuple(values(text))
