"""Spellings of values in answers, drawn by seed, one of them wrong where a kind of error is wanted."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
STATUSES = {
    "pending": ("pending", "waiting to be packed"),
    "processing": ("being packed", "processing", "being processed"),
    "shipped": ("shipped", "on its way", "dispatched"),
    "delivered": ("delivered",),
    "cancelled": ("cancelled", "canceled", "called off"),
    "returned": ("returned", "sent back"),
    "refunded": ("refunded", "paid back"),
    "requested": ("requested",),
    "booked": ("booked", "scheduled"),
    "open": ("open",),
    "closed": ("closed",),
    "paid": ("paid", "settled"),
    "valid": ("valid", "still good"),
    "expired": ("expired",),
    "covered": ("covered",),
    "not covered": ("not covered",),
    "eligible": ("eligible",),
    "not eligible": ("not eligible",),
    "in stock": ("in stock", "available"),
    "sold out": ("sold out", "out of stock"),
    "submitted": ("submitted",),
    "approved": ("approved",),
    "rejected": ("rejected", "declined"),
    "done": ("done",),
    "passed": ("passed",),
    "failed": ("failed",),
}
"""Status words of the shipped packs with the ways in which answers say them."""
OTHERS = {
    "pending": ("shipped", "delivered", "cancelled"),
    "processing": ("shipped", "delivered", "cancelled"),
    "shipped": ("delivered", "processing", "cancelled"),
    "delivered": ("shipped", "pending", "returned"),
    "cancelled": ("shipped", "pending", "delivered"),
    "returned": ("delivered", "cancelled"),
    "refunded": ("requested", "rejected"),
    "requested": ("refunded", "rejected"),
    "booked": ("cancelled",),
    "open": ("closed", "paid"),
    "closed": ("open",),
    "paid": ("open",),
    "valid": ("expired",),
    "expired": ("valid",),
    "covered": ("not covered",),
    "not covered": ("covered",),
    "eligible": ("not eligible",),
    "not eligible": ("eligible",),
    "in stock": ("sold out",),
    "sold out": ("in stock",),
    "submitted": ("approved", "paid", "rejected"),
    "approved": ("rejected", "submitted"),
    "rejected": ("approved",),
    "done": ("open",),
    "passed": ("failed",),
    "failed": ("passed",),
}
"""Which other status is said by mistake."""
SLOTS = {
    "wrong_amount": ("money", "num", "pct"),
    "wrong_id": ("ident",),
    "wrong_date": ("day", "clock"),
    "wrong_status": ("status",),
    "other_record": ("money", "day", "clock", "ident"),
}


class CannotErr(Exception):
    """The wording has no place for the wanted kind of error."""


class Spellings:
    """Spells the values of one answer. `kind` is the error that is wanted, `result` where other records are taken."""

    def __init__(self, rng: random.Random, kind: str, result: Any) -> None:
        self._rng, self._kind, self._result = rng, kind, result
        self._said: list[tuple[str, str, str | None]] = []
        self._style = rng.randrange(1 << 30)

    def functions(self) -> dict[str, Callable[..., str]]:
        names = ("money", "num", "pct", "day", "clock", "ident", "status", "about")
        return {name: getattr(self, name) for name in names}

    def finished(self, text: str) -> str:
        """Return the text with its values spelled, one of them marked and wrong when an error is wanted."""
        able = [i for i, (slot, _, wrong) in enumerate(self._said) if wrong and slot in SLOTS.get(self._kind, ())]
        if self._kind in SLOTS and not able:
            raise CannotErr
        chosen = self._rng.choice(able) if able else None
        for index, (_, right, wrong) in enumerate(self._said):
            text = text.replace(f"\0{index}\0", f"«{wrong}»" if index == chosen else right)
        return text

    def _slot(self, slot: str, right: str, wrong: str | None) -> str:
        self._said.append((slot, right, None if wrong == right else wrong))
        return f"\0{len(self._said) - 1}\0"

    def _spell(self, write: Callable[[Any, random.Random], str], right: Any, wrong: Any) -> tuple[str, str | None]:
        """Write both in the same style."""
        style = self._rng.randrange(1 << 30)
        other = None if wrong is None else write(wrong, random.Random(style))
        return write(right, random.Random(style)), other

    # -------------------------------------------------------------- the slots

    def money(self, value: float, currency: str) -> str:
        wrong = self._other(value) if self._kind == "other_record" else self._off(round(value, 2), 2)
        return self._slot("money", *self._spell(lambda v, rng: _money(v, currency, rng), value, wrong))

    def num(self, value: float, noun: str = "") -> str:
        wrong = self._off(value, 0 if value == int(value) else 2)
        words = self._rng.random() < 0.4

        def write(number: float, rng: random.Random) -> str:
            if number == int(number):
                number = int(number)
                shown = (
                    WORDS[number]
                    if words and 0 <= number <= 12
                    else f"{number:,}"
                    if rng.random() < 0.6
                    else str(number)
                )
            else:
                shown = str(round(number, 3))
            return f"{shown} {_plural(noun, number)}" if noun else shown

        return self._slot("num", *self._spell(write, value, wrong))

    def pct(self, value: float) -> str:
        wrong = self._off(value, 1)
        return self._slot("pct", *self._spell(lambda v, rng: f"{v}{rng.choice((' %', '%', ' percent'))}", value, wrong))

    def about(self, value: float) -> str:
        """Spell a value rounded to two digits, which is never made wrong."""
        step = 10 ** max(0, len(str(int(abs(value)))) - 2)
        return f"{round(value / step) * step:,.0f}"

    def day(self, value: str) -> str:
        right = date.fromisoformat(value)
        if self._kind == "other_record":
            others = [date.fromisoformat(v) for v in _leaves(self._result) if _is_day(v) and v != value]
            wrong = self._rng.choice(others) if others else None
        else:
            wrong = right + timedelta(days=self._rng.choice((-31, -9, -3, -1, 1, 2, 4, 10, 30)))
        return self._slot("day", *self._spell(_day, right, wrong))

    def clock(self, value: str) -> str:
        if self._kind == "other_record":
            others = [v for v in _leaves(self._result) if re.fullmatch(r"\d\d:\d\d", str(v)) and v != value]
            wrong = self._rng.choice(others) if others else None
        else:
            hours, minutes = map(int, value.split(":"))
            minutes += self._rng.choice((-90, -50, -30, 15, 40, 60))
            wrong = f"{hours + minutes // 60:02d}:{minutes % 60:02d}"
        return self._slot("clock", *self._spell(_clock, value, wrong))

    def ident(self, value: str) -> str:
        if self._kind == "other_record":
            shape = re.sub(r"\d", "0", value)
            others = [v for v in _leaves(self._result) if re.sub(r"\d", "0", str(v)) == shape and v != value]
            wrong = self._rng.choice(others) if others else None
        else:
            wrong = self._swapped(value)
        return self._slot("ident", *self._spell(_ident, value, wrong))

    def status(self, value: str) -> str:
        if value not in STATUSES:
            return self._slot("status", value, None)
        right = self._rng.choice(STATUSES[value])
        wrong = self._rng.choice(STATUSES[self._rng.choice(OTHERS[value])])
        return self._slot("status", right, wrong)

    # -------------------------------------------------------------- what goes wrong

    def _off(self, value: float, digits: int) -> float:
        """Return another number: a slip of a digit, two digits swapped, one too many, a tenth more."""
        text = f"{value:.{digits}f}"
        places = [i for i, char in enumerate(text) if char.isdigit()]
        way = self._rng.randrange(4)
        found = value
        if way == 0 and len(places) > 2:
            first = self._rng.randrange(len(places) - 1)
            chars = list(text)
            a, b = places[first], places[first + 1]
            chars[a], chars[b] = chars[b], chars[a]
            found = float("".join(chars))
        elif way == 1:
            place = self._rng.choice(places)
            found = float(text[:place] + str((int(text[place]) + self._rng.randint(1, 8)) % 10) + text[place + 1 :])
        elif way == 2:
            found = round(value * 1.1 + 1, digits)
        if found == value or found < 0 <= value:
            found = value + (self._rng.randint(1, 3) if digits == 0 else self._rng.choice((1, 0.5, 2, 10)))
        return int(found) if digits == 0 else round(found, digits)

    def _other(self, value: float) -> float | None:
        others = [v for v in _leaves(self._result) if isinstance(v, float) and v not in (value, 0.0)]
        return self._rng.choice(others) if others else None

    def _swapped(self, value: str) -> str:
        digits = [i for i, char in enumerate(value) if char.isdigit()]
        letters = [i for i, char in enumerate(value) if char.isalpha()]
        place = self._rng.choice(digits or letters)
        new = str((int(value[place]) + self._rng.randint(1, 9)) % 10) if digits else chr(97 + self._rng.randrange(26))
        return value[:place] + new + value[place + 1 :]


def _money(value: float, currency: str, rng: random.Random) -> str:
    amount = f"{value:,.2f}" if rng.random() < 0.6 else f"{value:.2f}"
    if value == int(value) and rng.random() < 0.4:
        amount = f"{int(value):,}"
    names = {"€": ("euros", "EUR"), "$": ("dollars", "USD"), "EUR": ("euros", "EUR")}[currency]
    sign = {"EUR": "€"}.get(currency, currency)
    return rng.choice((f"{sign}{amount}", f"{sign}{amount}", f"{amount} {names[0]}", f"{names[1]} {amount}", amount))


def _plural(noun: str, number: float) -> str:
    if number == 1:
        return noun
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"


def _day(day: date, rng: random.Random) -> str:
    number, month, short = day.day, f"{day:%B}", f"{day:%b}"
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return rng.choice(
        (
            f"{number} {month} {day.year}",
            f"{day:%A} {number} {month}",
            f"{month} {number}, {day.year}",
            f"{month} {number}{suffix}",
            f"the {number}{suffix} of {month}",
            f"{number} {short} {day.year}",
            day.isoformat(),
            f"{day:%A}, {month} {number}",
            f"{day:%a} {number} {short}",
        )
    )


def _clock(value: str, rng: random.Random) -> str:
    hours, minutes = map(int, value.split(":"))
    half = "am" if hours < 12 else "pm"
    twelve = (hours - 1) % 12 + 1
    short = f"{twelve} {half}" if minutes == 0 else f"{twelve}:{minutes:02d} {half}"
    return rng.choice((value, value.lstrip("0"), short, short.replace(" ", "")))


def _ident(value: str, rng: random.Random) -> str:
    plain = re.fullmatch(r"[A-Z]{1,3}-?\d{2,}", value)
    ways = [value, value, value, f"`{value}`"]
    if plain:
        ways += [value.lower(), f"#{value}", re.sub(r"[^\d]", "#", value, count=1) if value[1].isdigit() else value]
    return rng.choice(ways)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
