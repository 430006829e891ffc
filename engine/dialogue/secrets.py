"""Finds a withheld value in a text, however it is written: letter case, spaces, marks, written dates, equal numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from engine.dialogue.values import Day, clock_times, days

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w,]*\d)")
_DIGITS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905
_SAID_DIGIT = re.compile(rf"\b(?:{'|'.join((*_DIGITS, 'oh'))})\b", re.IGNORECASE)
_BETWEEN = r"[\s._/()@'’-]{0,2}"
"""What may stand between two letters or digits of a value that is written otherwise."""
_DICTATED = 3
"""Digits in words, one after the other, from which on they are read as digits."""


class Secret:
    """One withheld value. What is needed to find it is made once."""

    def __init__(self, value: str) -> None:
        self.value = value
        letters = [char for char in value if char.isalnum()]
        pattern = rf"(?<![^\W_])(?<!\d[.,]){_in_any_form(value)}(?![^\W_]|[.,]\d)"
        if len(letters) < 2 and len(value) > len(letters):  # C++: nothing but its marks tells it from other words
            pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
        self._written = re.compile(pattern, re.IGNORECASE)
        self._day = _whole_day(value)
        self._time = next((times for times, (start, end) in clock_times(value) if end - start == len(value)), ())
        self._number = _decimal(value)
        self._dictated = len(letters) >= _DICTATED and sum(char.isdigit() for char in letters) > len(letters) / 2

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the places where a text tells the value, in order."""
        found = [match.span() for match in self._written.finditer(text)]
        if self._day is not None:
            found += [place for day, place in days(text) if _same(day, self._day)]
        if self._time:
            found += [place for told, place in clock_times(text) if set(told) & set(self._time)]
        if self._number is not None:
            found += [match.span() for match in _NUMBER.finditer(text) if _decimal(match[0]) == self._number]
        return sorted(set(found))

    def told_in(self, text: str) -> bool:
        """Return whether a text tells the value, also when its digits are written as words."""
        if self.spans(text):
            return True
        if not self._dictated or len(_SAID_DIGIT.findall(text)) < _DICTATED:
            return False
        return bool(self.spans(_SAID_DIGIT.sub(_as_digit, text).replace(",", "")))

    def masked(self, text: str, mask: str) -> str:
        """Return the text with this in each place of the value."""
        end = len(text) + 1
        for start, stop in reversed(self.spans(text)):
            if stop <= end:
                text, end = f"{text[:start]}{mask}{text[stop:]}", start
        return text


def _in_any_form(value: str) -> str:
    """Return the pattern of a value whose letters and digits may stand apart or together, whatever is between them in
    the value itself."""
    found, between = "", ""
    for char in value:
        if not char.isalnum():
            between += char
            continue
        if found:
            found += f"(?:{_BETWEEN}|{re.escape(between)})" if between else _BETWEEN
        found, between = found + re.escape(char), ""
    return found


def _as_digit(found: re.Match[str]) -> str:
    word = found[0].lower()
    return "0" if word == "oh" else str(_DIGITS.index(word))


def _whole_day(value: str) -> Day | None:
    """Return the day that a value is, None when it is anything else."""
    found = list(days(value))
    if len(found) != 1 or found[0][0][2] is None:
        return None
    (day, (start, end)) = found[0]
    return day if not value[:start].strip() and not value[end:].strip() else None


def _same(told: Day, secret: Day) -> bool:
    """Return whether a date tells a secret one: its day and month, in either order of numbers, and no other year."""
    year, month, day = told
    if day is None or (year is not None and secret[0] is not None and year != secret[0]):
        return False
    return (month, day) in ((secret[1], secret[2]), (secret[2], secret[1]))


def _decimal(text: str) -> Decimal | None:
    if not re.fullmatch(r"\d+(?:,\d{3})*(?:\.\d+)?", text) or (text[0] == "0" and not text.startswith("0.")):
        return None
    try:
        return Decimal(text.replace(",", "")).normalize()
    except InvalidOperation:
        return None
