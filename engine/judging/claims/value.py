"""A value that a text states, and a text from which values are being read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from engine.judging.claims.words import word_set

Kind = Literal["amount", "date", "time", "id"]
Day = tuple[int | None, int | None, int | None]
"""Year, month and day, None where it is not said."""
TIME_UNITS = word_set("day night week fortnight month year hour minut second quarter")
"""Stems of units of time."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a text.

    `key` is a Decimal for amounts, (year, month, day) for dates with None where it is not said, minutes after midnight
    for times (two where the half of the day is not said), and the text in lower case for ids. `unit` is "money", "%",
    a stem such as "day", or "". `near` says that the text calls it rounded, `words` that it is written in words.
    """

    kind: Kind
    key: Any
    start: int
    end: int
    text: str
    unit: str = ""
    near: bool = False
    words: bool = False
    weekday: int | None = None


class Page:
    """A text in which what has been read is blanked out, so that it is read once."""

    def __init__(self, text: str, rest: str | None = None) -> None:
        self.text, self.rest = text, text if rest is None else rest
        self.found: list[Value] = []

    def take(self, value: Value) -> None:
        if self.rest[value.start : value.end] != self.text[value.start : value.end]:
            return
        self.found.append(value)
        self.blank(value.start, value.end)

    def blank(self, start: int, end: int) -> None:
        self.rest = f"{self.rest[:start]}{chr(0) * (end - start)}{self.rest[end:]}"


def is_day(key: Day) -> bool:
    """Return whether a date's parts can be a day of the calendar."""
    year, month, day = key
    try:
        date(year or 2024, month or 1, day or 1)
    except ValueError:
        return False
    return True


def whole_day(key: Day) -> date | None:
    """Return a day of which year, month and day are said; None where there is no such day."""
    year, month, day = key
    if year is None or month is None or day is None:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def agrees(said: Day, given: Day) -> bool:
    """Return whether a date as it is said is a given one; what one of them does not say may be anything."""
    return all(one is None or other is None or one == other for one, other in zip(said, given, strict=True))
