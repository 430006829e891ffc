"""Which values a text states: amounts, dates, times of day, and ids, each with its place. Pure; English.

What is understood of amounts: digits with separators, a currency or a unit, percentages, numbers in words, thousands
and millions. Of dates: ISO, "3 March 2026", "March 3rd", "the 3rd", weekdays beside them. Of times: 14:30, "2:30 pm",
"half past two". Of ids: what mixes letters and digits, groups of digits, paths, addresses of e-mail. Not understood:
fractions in words ("a third"), Roman numerals, and words that point ("tomorrow", "the latter").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from engine.judging.claims.words import stem

Kind = Literal["amount", "date", "time", "id"]
Day = tuple[int | None, int | None, int | None]
"""Year, month and day, None where it is not said."""
TIME_UNITS = frozenset("day night week fortnight month year hour minut second quarter".split())
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


# ---------------------------------------------------------------- patterns

_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
_MONTH_NUMBER = {name[:size]: i + 1 for i, name in enumerate(_MONTHS) for size in (3, len(name))} | {"sept": 9}
_DAY_NUMBER = {name[:size]: i for i, name in enumerate(_DAYS) for size in (3, len(name))} | {"tues": 1, "thurs": 3}
_MONTH = r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"  # noqa: E501
_WEEKDAY = r"(?:(?P<weekday>mon|tues?|wed|thu|thurs|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\.?,?\s+(?:the\s+)?)?"  # noqa: E501
_YEAR = r"(?:,?\s+(?:in\s+)?(?P<year>(?:19|20)\d\d)(?![\d.,]*\d))?"
_NTH = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_GOES_ON = "(?-i:[A-Z]\\w+)|at|and|to|or|instead|from|if|is|with|for|on|in|until|through|as|it|you|i|when|that|was|by|but"
"""What may follow "the 3rd" where it is a day and no third thing."""

_DATES = [
    re.compile(r"(?<![\w/-])(?P<year>(?:19|20)\d\d)-(?P<month_no>[01]\d)-(?P<day>[0-3]\d)(?!\w*[/_])(?![\d-])"),
    re.compile(rf"\b{_WEEKDAY}{_NTH}\s+(?:of\s+)?{_MONTH}\b{_YEAR}", re.IGNORECASE),
    re.compile(rf"\b{_WEEKDAY}{_MONTH}\s+(?:the\s+)?{_NTH}\b(?!:\d|\.\d|,\d){_YEAR}", re.IGNORECASE),
    re.compile(r"(?<![\w/.-])(?P<first>[0-3]?\d)(?P<sep>[/.])(?P<second>[0-3]?\d)(?P=sep)(?P<year>(?:19|20)\d\d)\b"),
    re.compile(rf"\b{_MONTH}\s+(?:of\s+)?(?P<year>(?:19|20)\d\d)\b", re.IGNORECASE),
    re.compile(r"(?<![\w/-])(?P<year>(?:19|20)\d\d)-(?P<month_no>[01]\d)(?![\w-])"),
    re.compile(
        rf"\b{_WEEKDAY}the\s+(?P<day>[0-3]?\d)(?:st|nd|rd|th)\b(?=\s*(?:[.,;:!?)]|$)|\s+(?:{_GOES_ON})\b)",
        re.IGNORECASE,
    ),
]
_HOURS = "twelve one two three four five six seven eight nine ten eleven".split()  # noqa: SIM905
_HOUR = rf"(?P<hour>1[0-2]|0?[1-9]|{'|'.join(_HOURS)})"
_HALF = r"(?:\s*(?P<half>a\.?m\b\.?|p\.?m\b\.?)|\s+(?:o'clock\s+)?in the (?P<part>morning|afternoon|evening))"
_TIMES = [
    re.compile(rf"(?<![\d:.,-])(?P<hour>[0-2]?\d)[:.](?P<minute>[0-5]\d)(?::[0-5]\d)?{_HALF}", re.IGNORECASE),
    re.compile(r"(?<![\d:.,-])(?P<hour>[0-2]?\d):(?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?(?!\d|:\d)"),
    re.compile(
        rf"\b(?P<side>half|quarter|twenty-five|twenty|ten|five)\s+(?P<dir>past|to)\s+{_HOUR}\b{_HALF}?", re.IGNORECASE
    ),
    re.compile(rf"(?<![\d:.,-])\b{_HOUR}{_HALF}", re.IGNORECASE),
    re.compile(rf"\b{_HOUR}\s+o'clock\b", re.IGNORECASE),
    re.compile(
        rf"(?<=\bat )(?P<hour>{'|'.join(_HOURS)})\b(?=\s*(?:[.,;:!?)]|$)|\s+(?:and|or|on|with|for|in|sharp|until)\b)",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?P<named>noon|midday|midnight)\b", re.IGNORECASE),
]
_SIDES = {"half": 30, "quarter": 15, "twenty-five": 25, "twenty": 20, "ten": 10, "five": 5}

_TOKEN = re.compile(r"[#@]?[^\W_][\w./@+:#-]*[^\W_]|#\d+")
_MIXED = re.compile(r"(?=.*\d)(?=.*[^\W\d_])")
_MEASURE = re.compile(
    r"\d[\d.,]*(?:st|nd|rd|th|s|am|pm|a\.m|p\.m|mg|kg|g|ml|cl|l|cm|mm|m|km|px|dpi|gb|mb|kb|h|hrs?|min|k|x|w|v|ms|%)"
    r"|\d+x\d+|[\d/.:-]+|\d+-?[a-z]{3,}|\d{1,2}[:.]\d\d(?:am|pm|a\.m|p\.m)",
    re.IGNORECASE,
)
_PATH = re.compile(r"[\w.-]+(?:/[\w.*-]+)+/?|[\w-]+\.(?:py|csv|tsv|md|txt|json|jsonl|xlsx?|pdf|ya?ml|xml|zip|jpe?g|png|log|sqlite|docx?|html?|js|ts|toml|ini|sh)", re.IGNORECASE)  # noqa: E501
_DIGIT_GROUPS = re.compile(r"(?<![\w.,-])(?:\+\d{1,3}[- ])?\d{2,5}(?:[- ]\d{2,5}){1,4}(?![\w-])")
_VERSION = re.compile(r"v?\d+\.\d+\.\d+(?:\.\d+)*")
_IDLE = re.compile(r"24/7|\d{1,2}/\d{1,2}|and/or|he/she|utf-?8|ascii", re.IGNORECASE)
_NUMBERED = re.compile(
    r"\b(?:ending(?:\s+in|\s+with)?|extension|ext\.?|room|postcode|zip(?:\s+code)?|pin|code|phone|number|no\.|card|"
    r"reference|ticket|issue|id|commit|version)\s+(?:is\s+|of\s+|in\s+)?#?$",
    re.IGNORECASE,
)

_PLAIN = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d\d(?!\d)|\d{1,3}(?:[ \u202f\u00a0]\d{3})+(?:[.,]\d\d)?(?![\d.])|\d+,\d\d(?![\d,])|\d+(?:\.\d+)?|\.\d+"  # noqa: E501
_CURRENCY = r"(?:US\$|[€$£¥]|EUR|USD|GBP|CHF)"
_AMOUNT = re.compile(
    rf"(?<![\w.])(?P<sign>[-−+]\s?)?(?P<before>{_CURRENCY})?\s?(?P<minus>[-−])?(?<!\w)(?P<number>{_PLAIN})"
    rf"(?P<scale>\s?(?:k|thousand|million|billion)\b)?"
    rf"(?P<after>\s?(?:%|percent\b|per\s?cent\b|{_CURRENCY}(?!\w)|euros?\b|dollars?\b|pounds?\b|cents?\b))?",
    re.IGNORECASE,
)
_SCALES = {"k": 3, "thousand": 3, "million": 6, "billion": 9}
_UNITS = dict(zip("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(), range(20), strict=True))  # noqa: E501, SIM905
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))  # noqa: SIM905
_LARGE = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_SPELLED_WORD = re.compile(rf"\b(?:{'|'.join(sorted([*_UNITS, *_TENS, *_LARGE, 'dozen'], key=len, reverse=True))})\b", re.IGNORECASE)  # noqa: E501
_SHARE_OF = re.compile(r"\b(?:third|half|quarter|tenth|fraction|share)s? of an?\s+$", re.IGNORECASE)
_HALF_MORE = re.compile(r" and a half\b", re.IGNORECASE)
_ORDINAL = re.compile(r"(?<![\w.,])(?P<number>\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_AFTER_SPELLED = re.compile(r"\s?(?P<unit>%|percent\b|per\s?cent\b|euros?\b|dollars?\b|pounds?\b|cents?\b)", re.IGNORECASE)  # noqa: E501
_NOUN = re.compile(r"[ \u00a0-]{0,2}(?P<first>[^\W\d_]+)(?:[ -](?P<second>[^\W\d_]+))?(?:[ -](?P<third>[^\W\d_]+))?")
_PASSED_OVER = frozenset(
    "working business calendar full whole loyalty open upcoming more other of the our your further valid new old big "
    "small extra additional free last first different separate such single short long such".split()
)
_NO_NOUN = frozenset(
    "and or to for from in on at with is are was were be it that which who by as than if when will would can may has have "
    "had but so not only up out off each per until till through before after against into over under".split()
)
_RANGE = re.compile(r"^\s?(?:or|to|and|-|–)\s?\d+(?=\s)")
_NEAR = re.compile(
    r"(?:\b(?:about|around|roughly|approximately|approx\.?|nearly|almost|some|circa|ca\.?|well (?:over|under)|"
    r"just (?:over|under)|(?:a )?(?:bit|little) (?:over|under|more than|less than)|close to|more than|over|less than|"
    r"under|a good|upwards? of|north of|in the region of|or so)\s+|[~≈]\s?)(?:EUR|USD|[€$£])?\s?$",
    re.IGNORECASE,
)


# ---------------------------------------------------------------- reading


def values(text: str) -> list[Value]:
    """Return the values of a text in the order of their places, none of which overlap."""
    page = _Page(text)
    with_digits = _DIGIT.search(text) is not None
    for reader, without in _READERS:
        if with_digits or (without is not None and without.search(text)):
            for value in list(reader(page)):
                page.take(value)
    return sorted(page.found, key=lambda value: value.start)


@lru_cache(maxsize=4096)
def values_of(text: str) -> tuple[Value, ...]:
    """Return the values of a text that is likely to come again, such as a policy."""
    return tuple(values(text))


class _Page:
    """A text in which what has been read is blanked out, so that it is read once."""

    def __init__(self, text: str) -> None:
        self.text, self.rest = text, text
        self.found: list[Value] = []

    def take(self, value: Value) -> None:
        if self.rest[value.start : value.end] != self.text[value.start : value.end]:
            return
        self.found.append(value)
        self.blank(value.start, value.end)

    def blank(self, start: int, end: int) -> None:
        self.rest = f"{self.rest[:start]}{chr(0) * (end - start)}{self.rest[end:]}"


def _paths_and_ids(page: _Page) -> Iterator[Value]:
    for found in _TOKEN.finditer(page.text):
        token = found[0].rstrip(".:-")
        start, end = found.start(), found.start() + len(token)
        if ":" in token and "/" in token and not token.startswith("http"):
            token = token.split(":")[0]
            end = start + len(token)
        if _IDLE.fullmatch(token):
            page.blank(start, end)
        elif _is_id(token, page.text[:start], page.text[end:]):
            yield Value("id", normal_id(token), start, end, token)
    for found in _DIGIT_GROUPS.finditer(page.text):
        if _is_number_of_groups(found[0]):
            yield Value("id", normal_id(found[0]), found.start(), found.end(), found[0])
    for found in re.finditer(r"(?<![\w.,#-])\d+(?![\w,]*\d|\.\d|\w)", page.text):
        if _NUMBERED.search(page.text[max(0, found.start() - 24) : found.start()]) or len(found[0]) >= 5 and found[0][0] == "0":
            yield Value("id", found[0], found.start(), found.end(), found[0])


def _is_id(token: str, before: str, after: str) -> bool:
    if token.startswith("#") and token[1:].isdigit():
        return True
    if "@" in token[1:] or token.startswith(("http:", "https:")):
        return True
    if _VERSION.fullmatch(token):
        return True
    if _PATH.fullmatch(token) and not _MEASURE.fullmatch(token):
        return True
    if not _MIXED.match(token) or _MEASURE.fullmatch(token):
        return False
    if re.match(r"(?:EUR|USD|GBP|CHF|US\$)[\d.,]+$", token) or any(pattern.fullmatch(token) for pattern in _DATES):
        return False
    return bool(re.search(r"\d", token))


def _is_number_of_groups(text: str) -> bool:
    """Phone numbers and the like, but neither a date, a range of years nor thousands with spaces."""
    groups = re.split(r"[- ]", text.lstrip("+"))
    if re.match(r"(?:19|20)\d\d-[01]\d\b", text):
        return False
    if " " in text:
        return len(groups) > 2 and not all(len(group) == 3 for group in groups[1:])
    return sum(map(len, groups)) >= 6


def normal_id(token: str) -> str:
    """Return an id as it is compared: lower case, without a leading # and what stands around it."""
    return token.lower().lstrip("#@").strip("`'\"*.")


def _dates(page: _Page) -> Iterator[Value]:
    for pattern in _DATES:
        for found in pattern.finditer(page.rest):
            value = _date(found)
            if value is not None:
                yield value
                page.take(value)


def _date(found: re.Match[str]) -> Value | None:
    part = found.groupdict()
    year = int(part["year"]) if part.get("year") else None
    weekday = _DAY_NUMBER.get((part.get("weekday") or "").lower())
    if part.get("first"):
        first, second = int(part["first"]), int(part["second"])
        month, day = (second, first) if found["sep"] == "." or first > 12 else (first, second)
    else:
        month = int(part["month_no"]) if part.get("month_no") else _month(part.get("month"))
        day = int(part["day"]) if part.get("day") else None
    if not (month is None or 1 <= month <= 12) or not (day is None or 1 <= day <= 31):
        return None
    start = found.start()
    return Value("date", (year, month, day), start, found.end(), found[0], weekday=weekday)


def _month(name: str | None) -> int | None:
    return _MONTH_NUMBER[name.lower()] if name else None


def _times(page: _Page) -> Iterator[Value]:
    for pattern in _TIMES:
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


def _amounts(page: _Page) -> Iterator[Value]:
    for found in _AMOUNT.finditer(page.rest):
        number = _decimal(found["number"])
        if number is None or page.rest[found.end() : found.end() + 1].isalpha() and not found["after"]:
            suffix = re.match(r"(?:mg|kg|g|ml|cl|l|cm|mm|m|km|px|dpi|gb|mb|kb|h|hrs?|min|x|w|v|ms|s)\b", page.rest[found.end() :], re.IGNORECASE)  # noqa: E501
            if number is None or suffix is None:
                continue
        if found["scale"]:
            number *= 10 ** _SCALES[found["scale"].strip().lower()]
        if (found["sign"] or "").strip() in ("-", "−") or found["minus"]:
            number = -number
        unit, number = _unit(found["before"] or (found["after"] or "").strip(), number)
        lead = len(found[0]) - len(found[0].lstrip())
        start = found.start() + lead
        if found["sign"] and page.text[start - 1 : start].isalnum():
            start, number = found.start("before") if found["before"] else found.start("number"), abs(number)
        unit = unit or _noun(page.text[found.end() :])
        yield Value("amount", number, start, found.end(), page.text[start : found.end()], unit, _near(page.text, start))


def _unit(written: str, number: Decimal) -> tuple[str, Decimal]:
    written = written.lower()
    if written.startswith(("%", "per")):
        return "%", number
    if written.startswith("cent"):
        return "money", number / 100
    return ("money" if written else ""), number


def _noun(behind: str) -> str:
    behind = _RANGE.sub("", behind)
    found = _NOUN.match(behind)
    if not found or not behind[:1].isspace() and behind[:1] != "-":
        return ""
    for word in found.groups():
        if word and word.lower() in _NO_NOUN:
            return ""
        if word and word.lower() not in _PASSED_OVER:
            return stem(word)
    return ""


def _near(text: str, start: int) -> bool:
    return bool(_NEAR.search(text[max(0, start - 30) : start]))


def _decimal(text: str) -> Decimal | None:
    text = re.sub(r"[ \u202f\u00a0]", "", text)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d\d", text):
        text = text.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"\d+,\d\d", text):
        text = text.replace(",", ".")
    return Decimal(text.replace(",", "")) if len(text) < 40 else None


def _ordinals(page: _Page) -> Iterator[Value]:
    for found in _ORDINAL.finditer(page.rest):
        noun = _noun(page.text[found.end() :])
        yield Value("amount", Decimal(found["number"]), found.start(), found.end(), found[0], noun)


def _spelled(page: _Page) -> Iterator[Value]:
    words = list(_SPELLED_WORD.finditer(page.rest))
    while words:
        run = _run(page.rest, words)
        words = words[len(run) :]
        start, end, number = run[0].start(), run[-1].end(), _number_of([word[0].lower() for word in run])
        if _SHARE_OF.search(page.text[:start]):
            continue
        half = _HALF_MORE.match(page.rest, end)
        if half:
            end, number = half.end(), number + Decimal("0.5")
        after = _AFTER_SPELLED.match(page.rest, end)
        unit, number = _unit(after["unit"] if after else "", number)
        end = after.end() if after else end
        unit = unit or _noun(page.text[end:])
        yield Value("amount", number, start, end, page.text[start:end], unit, _near(page.text, start), words=True)


def _run(text: str, words: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the first of the words with those that go on with the same number: "two hundred and five"."""
    run = words[:1]
    for word in words[1:]:
        last, between = run[-1][0].lower(), text[run[-1].end() : word.start()]
        large = last in _LARGE
        goes_on = word[0].lower() in _LARGE or large or (last in _TENS and _UNITS.get(word[0].lower(), 99) < 10)
        if not goes_on or between not in (" ", "-", *([" and "] if large else [])):
            break
        run.append(word)
    return run


def _number_of(words: list[str]) -> Decimal:
    total, current = 0, 0
    for word in words:
        if word == "hundred":
            current = max(current, 1) * 100
        elif word in _LARGE:
            total, current = total + max(current, 1) * _LARGE[word], 0
        else:
            current += 12 if word == "dozen" else _UNITS[word] if word in _UNITS else _TENS[word]
    return Decimal(total + current)


_DIGIT = re.compile(r"\d")
_TIME_WORD = re.compile(r"\b(?:past|to|at|o'clock|in the|noon|midday|midnight)\b", re.IGNORECASE)
_READERS = (
    (_paths_and_ids, re.compile(r"\w[/.@]\w")),
    (_dates, None),
    (_times, _TIME_WORD),
    (_amounts, None),
    (_ordinals, None),
    (_spelled, _SPELLED_WORD),
)
"""What reads values, in this order, each with what it may find in a text without digits."""


def is_day(key: Day) -> bool:
    """Return whether a date's parts can be a day of the calendar."""
    year, month, day = key
    try:
        date(year or 2024, month or 1, day or 1)
    except ValueError:
        return False
    return True
