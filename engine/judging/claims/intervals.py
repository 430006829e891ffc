"""Which days, times and lengths of time follow from given ones: a week later, 45 days after, 5 years for 60 months."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from engine.judging.claims.evidence import Evidence
from engine.judging.claims.said import Said
from engine.judging.claims.value import Value, agrees, whole_day
from engine.judging.claims.words import stems

_DAYS = {"day": 1, "night": 1, "week": 7, "fortnight": 14, "month": 30, "year": 365}
_UNITS = (*_DAYS, "hour")
_SAME_LENGTH = {
    ("year", "month"): 12,
    ("week", "day"): 7,
    ("day", "hour"): 24,
    ("hour", "minut"): 60,
    ("minut", "second"): 60,
    ("quarter", "month"): 3,
    ("year", "quarter"): 4,
}
_REGULAR = {"monthly": "month", "a month": "month", "per month": "month", "each month": "month", "every month": "month"}
_REGULAR |= {"weekly": "week", "every week": "week", "each week": "week", "a week": "week"}
_BOUND = re.compile(
    r"\b(?:from|earliest|later|again|latest|until|by|within|before|after|deadline|closes?|ends?)\b", re.IGNORECASE
)
"""Words of a sentence that tell until when or from when on something goes, which rules speak of."""
_SLACK, _A_DAY_OF_A_WEEK = Decimal("0.12"), Decimal("0.15")
"""How far a number of months or years may be off, as a share, and one of weeks, in weeks."""
_FEW_DAYS = 12
"""Given days beyond which none is moved by an interval that is not said with it."""
_JOINED = re.compile(
    r"[ -]?(?:hours?|hrs?|h|minutes?|mins?|days?|weeks?|months?|years?)?,?\s?(?:and\s)?", re.IGNORECASE
)
_DAY_AFTER = re.compile(
    r"\b(?:back|following|(?:first|next|previous|last) (?:working |business )?day|day (?:after|before))\b",
    re.IGNORECASE,
)
_FROM_TODAY = re.compile(r"\b(?:ago|away|from (?:now|today)|left|since|until|till|to go|old)\b", re.IGNORECASE)
Length = tuple[Decimal, str]


def length_follows(said: Said, all_said: Sequence[Said], text: str, evidence: Evidence) -> bool:
    """Return whether a length of time is a given one in another unit, or lies between two days or times of which the
    answer states one, or today is one; or is a part of such a one: "1 hour 45 minutes"."""
    if _converted(said.value, evidence) or _lies_between(said, all_said, text, evidence):
        return True
    return _is_part_of_a_length(said, all_said, text, evidence)


def _converted(value: Value, evidence: Evidence) -> bool:
    for (large, little), factor in _SAME_LENGTH.items():
        for unit, other, times in ((large, little, Decimal(factor)), (little, large, Decimal(1) / factor)):
            if value.unit != unit:
                continue
            for given in evidence.amounts.get(abs(value.key * times), ()):
                if given.unit == other or (given.is_field and other in given.labels):
                    return True
    return False


def _is_part_of_a_length(said: Said, all_said: Sequence[Said], text: str, evidence: Evidence) -> bool:
    """Whether a length stands beside one in a smaller or larger unit and both together follow."""
    for other in all_said:
        first, second = sorted((said.value, other.value), key=lambda value: value.start)
        factor = _SAME_LENGTH.get((first.unit, second.unit))
        if other is said or factor is None or not _JOINED.fullmatch(text, first.end, second.start):
            continue
        together = first.key * factor + second.key
        for number, unit in ((together, second.unit), (together / factor, first.unit)):
            if any(given.unit == unit or unit in given.labels for given in evidence.amounts.get(number, ())):
                return True
        if second.unit == "minut" and _is_between_times(together, all_said, evidence):
            return True
    return False


def _is_between_times(minutes: Decimal, all_said: Sequence[Said], evidence: Evidence) -> bool:
    times = {minute for one in all_said if one.value.kind == "time" for minute in one.value.key[:1]}
    times |= set(list(evidence.times)[:40])
    return any(abs(one - other) == minutes for one in times for other in times)


def _lies_between(said: Said, all_said: Sequence[Said], text: str, evidence: Evidence) -> bool:
    value = said.value
    if value.unit in ("hour", "minut"):
        return _is_between_times(value.key * (60 if value.unit == "hour" else 1), all_said, evidence)
    if value.unit not in _DAYS:
        return False
    own = _stated(all_said, evidence) | ({evidence.today} if evidence.today else set())
    any_day = value.unit in ("day", "night") or _FROM_TODAY.search(text, *said.sentence)
    ends = own | _given_days(evidence) if any_day else own
    near = _SLACK * value.key if value.unit in ("month", "year") or value.near else Decimal(0)
    near = max(near, _A_DAY_OF_A_WEEK) if value.unit == "week" else near
    for one in own:
        for other in ends:
            apart = Decimal(abs((one - other).days)) / _DAYS[value.unit]
            if abs(apart - value.key) <= near or (value.unit == "day" and _working_days(one, other) == value.key):
                return True
    return False


def time_follows(said: Said, all_said: Sequence[Said]) -> bool:
    """Return whether a time of day is another stated one, earlier or later by a stated length of time."""
    times = {minute for one in all_said if one.value.kind == "time" and one is not said for minute in one.value.key}
    lengths = {
        int(one.value.key * (60 if one.value.unit == "hour" else 1))
        for one in all_said
        if one.value.unit in ("hour", "minut") and one.value.kind == "amount"
    }
    moved = {(time + sign * length) % 1440 for time in times for length in lengths for sign in (1, -1)}
    return bool(moved & set(said.value.key))


def day_follows(said: Said, all_said: Sequence[Said], text: str, words: frozenset[str], evidence: Evidence) -> bool:
    """Return whether a day lies a given interval from today or from another day: one that the answer states by an
    interval of which a rule speaks in words of the answer (`words`), or a given one by an interval that is stated."""
    others = [one for one in all_said if one.value is not said.value]
    own = _stated([one for one in others if one.value.kind == "date"], evidence)
    today = {evidence.today} if evidence.today else set()
    lengths = {_in_days(one.value.key, one.value.unit) for one in others if one.value.unit in _UNITS}
    beside = {
        _in_days(o.value.key, o.value.unit) for o in others if o.value.unit in _UNITS and o.sentence == said.sentence
    }
    rules = _rules(words, evidence)
    told = text.lower()
    regular = {(Decimal(n), unit) for word, unit in _REGULAR.items() if word in told for n in range(1, 25)}
    near_by: set[Length] = {(Decimal(1), "day"), (Decimal(1), "week")}
    options = _moved(own, lengths | set(rules) | near_by | regular) | _moved(today, lengths)
    if len(evidence.days) <= _FEW_DAYS:
        if _DAY_AFTER.search(text, *said.sentence):
            options |= _moved(_given_days(evidence), {(Decimal(n), "day") for n in range(1, 5)})
        options |= _moved(_given_days(evidence), beside)
        if _BOUND.search(text, *said.sentence):
            options |= _moved(today, _told_lengths(evidence))
            options |= _moved(_named_days(words, evidence), {length for length, size in rules.items() if size > 1})
            options |= _moved(today, _rules_close_by(text, said.sentence, evidence, 1))
            options |= _moved(_given_days(evidence), _rules_close_by(text, said.sentence, evidence, 2))
    return any(agrees(said.value.key, (day.year, day.month, day.day)) for day in options)


def _rules(words: frozenset[str], evidence: Evidence) -> dict[Length, int]:
    """Return the lengths of time that were given in words of the answer, with how many of them."""
    found: dict[Length, int] = {}
    for unit in _UNITS:
        for given in evidence.units.get(unit, ()):
            size, length = len(given.labels & words), _in_days(given.key, unit)
            if size:
                found[length] = max(size, found.get(length, 0))
    return found


def _rules_close_by(text: str, sentence: tuple[int, int], evidence: Evidence, least: int) -> set[Length]:
    """Return the lengths of time that the policy gives right beside so many words of the sentence."""
    words = {word for word, at in stems(text) if sentence[0] <= at < sentence[1]}
    given = ((given, unit) for unit in _UNITS for given in evidence.units.get(unit, ()) if given.source == "policy")
    return {_in_days(one.key, unit) for one, unit in given if len(one.near & words) >= least}


def _in_days(number: Decimal, unit: str) -> Length:
    """Return a length of time, of hours as days."""
    return (number / 24, "day") if unit == "hour" else (number, unit)


def _told_lengths(evidence: Evidence) -> set[Length]:
    """Return the lengths of time that results gave."""
    return {(given.key, unit) for unit in _DAYS for given in evidence.units.get(unit, ()) if given.source == "result"}


def _named_days(words: frozenset[str], evidence: Evidence) -> set[date]:
    named = (key for key, all_given in evidence.days.items() if any(given.labels & words for given in all_given))
    return {day for key in named if (day := whole_day(key)) is not None}


def _given_days(evidence: Evidence) -> set[date]:
    return {day for key in evidence.days if (day := whole_day(key)) is not None}


def _stated(all_said: Sequence[Said], evidence: Evidence) -> set[date]:
    """Return the days that an answer states; a year that it does not say is the nearest to today."""
    around = evidence.today or min(_given_days(evidence), default=None)
    found: set[date] = set()
    for one in all_said:
        if one.value.kind != "date":
            continue
        year, month, day = one.value.key
        if year is None and around is not None and month is not None and day is not None:
            years = (around.year - 1, around.year, around.year + 1)
            options = [option for number in years if (option := whole_day((number, month, day))) is not None]
            found |= {min(options, key=lambda option: abs((option - around).days))} if options else set()
        elif (whole := whole_day(one.value.key)) is not None:
            found.add(whole)
    return found


# ---------------------------------------------------------------- the calendar


def _moved(days: Iterable[date], lengths: Iterable[Length]) -> set[date]:
    """Return the days that lie so far before or behind some days."""
    found: set[date] = set()
    for day in days:
        for number, unit in lengths:
            if number == number.to_integral_value() and abs(number) <= 1000:
                found |= {*_steps(day, int(number), unit), *_steps(day, -int(number), unit)}
    return found


def _steps(day: date, steps: int, unit: str) -> Iterable[date]:
    try:
        if unit in ("month", "year"):
            return (_months_on(day, steps * (12 if unit == "year" else 1)),)
        moved = day + timedelta(days=steps * _DAYS[unit])
    except (ValueError, OverflowError):
        return ()
    return (moved, _working_on(day, steps)) if unit == "day" and abs(steps) <= 20 else (moved,)


def _working_on(day: date, steps: int) -> date:
    left = abs(steps)
    while left:
        day += timedelta(days=1 if steps > 0 else -1)
        left -= day.weekday() < 5
    return day


def _working_days(one: date, other: date) -> int:
    """Return how many working days lie between two days; -1 where they are far apart."""
    first, last = sorted((one, other))
    if (last - first).days > 60:
        return -1
    return sum((first + timedelta(days=n)).weekday() < 5 for n in range(1, (last - first).days + 1))


def _months_on(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
