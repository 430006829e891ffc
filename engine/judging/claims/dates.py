"""Dates and times of day in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.judging.claims.value import Page, Value
from engine.judging.claims.words import words_of

_MONTHS = words_of("january february march april may june july august september october november december")
_DAYS = words_of("monday tuesday wednesday thursday friday saturday sunday")
_MONTH_NUMBER = {name[:size]: i + 1 for i, name in enumerate(_MONTHS) for size in (3, len(name))} | {"sept": 9}
_DAY_NUMBER = {name[:size]: i for i, name in enumerate(_DAYS) for size in (3, len(name))} | {"tues": 1, "thurs": 3}
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|(?-i:May|MAY)|may(?=,?\s+(?:19|20)\d\d)|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = (
    r"(?:(?P<weekday>mon|tues?|wed|thu|thurs|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\.?,?\s+"
    r"(?:the\s+)?)?"
)
_YEAR = r"(?:,?\s+(?:in\s+)?(?P<year>(?:19|20)\d\d)(?![\d.,]*\d))?"
_NTH = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_GOES_ON = (
    "(?-i:[A-Z]\\w+)|at|and|to|or|instead|from|if|is|with|for|on|in|until|through|as|it|you|i|we|they|when|that|was|"
    "by|but"
)
"""What may follow "the 3rd" where it is a day and no third thing."""

_DATES = [
    re.compile(r"(?<![\w/-])(?P<year>(?:19|20)\d\d)-(?P<month_no>[01]\d)-(?P<day>[0-3]\d)(?!\w*[/_])(?![\d-])"),
    re.compile(rf"\b{_WEEKDAY}{_NTH}\s+(?:of\s+)?{_MONTH}\b{_YEAR}", re.IGNORECASE),
    re.compile(rf"\b{_WEEKDAY}{_MONTH}\s+(?:the\s+)?{_NTH}\b(?!:\d|\.\d|,\d){_YEAR}", re.IGNORECASE),
    re.compile(r"(?<![\w/.-])(?P<first>[0-3]?\d)(?P<sep>[/.])(?P<second>[0-3]?\d)(?P=sep)(?P<year>(?:19|20)\d\d)\b"),
    re.compile(r"(?<![\w/.-])(?P<first>[0-3]?\d)(?P<sep>/)(?P<second>[0-3]?\d)/(?P<year>[0-4]\d)(?![\w/])"),
    re.compile(rf"\b{_MONTH}\s+(?:of\s+)?(?P<year>(?:19|20)\d\d)\b", re.IGNORECASE),
    re.compile(r"(?<![\w/-])(?P<year>(?:19|20)\d\d)-(?P<month_no>[01]\d)(?![\w-])"),
    re.compile(
        rf"\b{_WEEKDAY}the\s+(?P<day>[0-3]?\d)(?:st|nd|rd|th)\b(?=\s*(?:[.,;:!?)]|$)|\s+(?:{_GOES_ON})\b)",
        re.IGNORECASE,
    ),
]
_FROM_DAY = re.compile(r"(?<![\w.,:/-])(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\s?(?:-|–|to|and|or|until)\s?$")
_TO_DAY = re.compile(r"\s?(?:-|–|to|or|&)\s?(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?![\w:]|[.,]\d| [a-z]+ay\b)(?=\W|$)")
_HOURS = words_of("twelve one two three four five six seven eight nine ten eleven")
_HOUR = rf"(?P<hour>1[0-2]|0?[1-9]|{'|'.join(_HOURS)})"
_HALF = r"(?:\s*(?P<half>a\.?m\b\.?|p\.?m\b\.?)|\s+(?:o'clock\s+)?in the (?P<part>morning|afternoon|evening))"
_FREE = r"(?:(?<![\d:.,-])|(?<=m-)|(?<=:\d\d-))"
"""Before a time: nothing that makes it a part of another number, but a time from which it goes on is allowed."""
_ZONE = r"(?:\s?Z\b|\s?(?:UTC|GMT)[+-][01]?\d(?::?[0-5]\d)?|\+[01]\d:?[0-5]\d)?"
_TIMES = [
    re.compile(rf"{_FREE}(?P<hour>[0-2]?\d)[:.](?P<minute>[0-5]\d)(?::[0-5]\d)?{_HALF}", re.IGNORECASE),
    re.compile(
        rf"{_FREE}(?P<hour>[0-2]?\d):(?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?(?:-[01]\d:?[0-5]\d)?)?{_ZONE}(?!\d|:\d)"
    ),
    re.compile(
        rf"\b(?P<side>half|quarter|twenty-five|twenty|ten|five)\s+(?P<dir>past|to)\s+{_HOUR}\b{_HALF}?", re.IGNORECASE
    ),
    re.compile(rf"{_FREE}\b{_HOUR}{_HALF}", re.IGNORECASE),
    re.compile(rf"\b{_HOUR}\s+o'clock\b", re.IGNORECASE),
    re.compile(
        rf"(?<=\bat )(?P<hour>{'|'.join(_HOURS)})\b(?=\s*(?:[.,;:!?)]|$)|\s+(?:and|or|on|with|for|in|sharp|until)\b)",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?P<named>noon|midday|midnight)\b", re.IGNORECASE),
]
_SIDES = {"half": 30, "quarter": 15, "twenty-five": 25, "twenty": 20, "ten": 10, "five": 5}


_SHORT_MONTHS = tuple(name[:3] for name in _MONTHS)
_NEEDED_BY_DATES = (("-",), _SHORT_MONTHS, _SHORT_MONTHS, ("/", "."), ("/",), _SHORT_MONTHS, ("-",), ("the",))
_NEEDED_BY_TIMES = (
    *((":", "."), (":",), ("past", "to"), ("m", "in the"), ("o'clock",), ("at ",)),
    ("noon", "midday", "midnight"),
)
"""For each pattern, texts of which one stands in whatever it finds: looking for them is quicker than for the pattern,
and few texts hold them."""


def _possible(
    patterns: Sequence[re.Pattern[str]], needed: Sequence[Sequence[str]], page: Page
) -> Iterator[re.Pattern[str]]:
    """Yield the patterns that may find something in a page."""
    lower = page.rest.lower()
    for pattern, texts in zip(patterns, needed, strict=True):
        for text in texts:
            if text in lower:
                yield pattern
                break


def dates(page: Page) -> Iterator[Value]:
    """Yield dates: "2026-03-03", "3 March 2026", "March 3rd", "the 3rd", each with its weekday."""
    for pattern in _possible(_DATES, _NEEDED_BY_DATES, page):
        for found in pattern.finditer(page.rest):
            value = _date(found)
            if value is not None:
                yield value
                page.take(value)
                yield from _other_end(page, value)


def _date(found: re.Match[str]) -> Value | None:
    part = found.groupdict()
    year = int(part["year"]) if part.get("year") else None
    year = year + 2000 if year is not None and year < 100 else year
    weekday = _DAY_NUMBER.get((part.get("weekday") or "").lower())
    month = int(part["month_no"]) if part.get("month_no") else _month(part.get("month"))
    day = int(part["day"]) if part.get("day") else None
    if part.get("first"):
        first, second = int(part["first"]), int(part["second"])
        month, day = (second, first) if found["sep"] == "." or first > 12 else (first, second)
    if not (month is None or 1 <= month <= 12) or not (day is None or 1 <= day <= 31):
        return None
    start = found.start()
    return Value("date", (year, month, day), start, found.end(), found[0], weekday=weekday)


def _other_end(page: Page, value: Value) -> Iterator[Value]:
    """Yield the day that shares its month with another one: "3" in "3-5 June", "5" in "June 3-5"."""
    year, month, day = value.key
    if month is None or day is None:
        return
    before = _FROM_DAY.search(page.rest, max(0, value.start - 14), value.start)
    behind = _TO_DAY.match(page.rest, value.end) if value.text[-1:].isdigit() and year is None else None
    for found in (before, behind):
        if found and 1 <= int(found["day"]) <= 31:
            yield Value("date", (year, month, int(found["day"])), found.start("day"), found.end("day"), found["day"])


def _month(name: str | None) -> int | None:
    return _MONTH_NUMBER[name.lower()] if name else None


def times(page: Page) -> Iterator[Value]:
    """Yield times of day: "14:30", "2:30 pm", "half past two", "noon"."""
    for pattern in _possible(_TIMES, _NEEDED_BY_TIMES, page):
        for found in pattern.finditer(page.rest):
            keys = _minutes(found)
            if keys:
                value = Value("time", keys, found.start(), found.end(), found[0])
                yield value
                page.take(value)


def _minutes(found: re.Match[str]) -> tuple[int, ...]:
    part = found.groupdict()
    if part.get("named"):
        return (0,) if found["named"].lower() == "midnight" else (720,)
    hour = _HOURS.index(found["hour"].lower()) if found["hour"].lower() in _HOURS else int(found["hour"])
    if hour > 23:
        return ()
    minute = int(part["minute"]) if part.get("minute") else 0
    if part.get("side"):
        minute = _SIDES[found["side"].lower()] * (1 if found["dir"].lower() == "past" else -1)
    half = (part.get("half") or part.get("part") or "").lower()[:1]
    base = hour * 60 + minute
    if half in ("a", "m") and part.get("part") != "afternoon":
        return (base % 720,)
    if half:
        return (base % 720 + 720,)
    spelled = part.get("side") or not found["hour"].isdigit() or part.get("minute") is None
    if hour >= 13 or hour == 0 or (found["hour"].startswith("0") and not spelled):
        return (base % 1440,)
    return (base % 1440, (base + 720) % 1440)


def month_name(number: int) -> str:
    """Return the name of a month of the year, in lower case."""
    return _MONTHS[number - 1]
