"""The values in a text that a person cannot make up: identifiers, amounts, dates, times, addresses of mail. Pure.

A value counts as known when a text of the talk holds it in any spelling: 2026-03-02 and "2 March", 555-0113 and
"555 0113", 1,200.00 and 1200, A-100 and a100. Of a known identifier the digits alone are known too ("order 4711").
Numbers up to twelve that stand for no money or share may count anything. Of values in words only amounts of money are
looked for ("forty-two dollars"), from thirteen on and where they are not said to be rough. A known number in words may
be written in digits. The words are English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

Day = tuple[int | None, int, int | None]
"""Year, month and day of the month; None where a text does not say it."""

_ANY = re.compile(r"\d|@")
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_MONTH_NUMBER = {name[:size]: n for n, name in enumerate(_MONTHS, 1) for size in (3, len(name))} | {"sept": 9}
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_NTH = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_DATES = (
    re.compile(r"(?<![\w-])(?P<year>[12]\d{3})[-/.](?P<number>[01]?\d)[-/.](?P<day>[0-3]?\d)(?![\w-])"),
    re.compile(rf"(?<![\w.,-]){_NTH}\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>[12]\d{{3}}))?(?!\w)", re.IGNORECASE),
    re.compile(rf"\b{_MONTH}\s+(?:the\s+)?{_NTH}(?![\w:]|[.,-]\d)(?:,?\s+(?P<year>[12]\d{{3}}))?(?!\w)", re.IGNORECASE),
    re.compile(r"(?<![\w/.-])(?P<first>[0-3]?\d)[/.-](?P<second>[0-3]?\d)[/.-](?P<year>[12]\d{3}|\d\d)(?![\w/-])"),
    re.compile(rf"\b{_MONTH},?\s+(?P<year>[12]\d{{3}})(?!\w)", re.IGNORECASE),
)
_TIME = re.compile(
    r"(?<![\w:.,-])(?P<hour>[0-2]?\d)(?:[:.h](?P<minute>[0-5]\d)(?::[0-5]\d)?\s?(?P<half>[ap])\.?m\b|"
    r":(?P<minute2>[0-5]\d)(?::[0-5]\d)?(?![\w:])|\s?(?P<half2>[ap])\.?m\b)\.?",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(r"[-+−]?[$€£¥#]?\w(?:[\w.,:/#&@'’+–-]*[\w%€$£])?%?")
_NUMBER = re.compile(
    r"[$€£¥]?(?P<number>\d+(?:,\d{3})*(?:\.\d+)?|\d+,\d{1,2}|\.\d+)(?P<scale>k)?(?P<unit>[%€$£])?", re.I
)
_WITH_UNIT = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>st|nd|rd|th|[a-z]{1,4})", re.IGNORECASE)
_MONEY_BEHIND = re.compile(
    r"\s?(?:%|€|\$|£|eur(?:os?)?|usd|gbp|chf|dollars?|bucks|pounds?|quid|cents?|percent|per cent)(?!\w)", re.IGNORECASE
)
_COUNTS_BEHIND = re.compile(
    r"\s?-?(?:min(?:ute)?s?|mins|hours?|hrs?|h|sec(?:ond)?s?|times|years? old|yo|words?|lines?|sentences?)\b",
    re.IGNORECASE,
)
"""What a person counts out of its own life: "I have waited 40 minutes", "in 20 words"."""
_UNITS = frozenset("st nd rd th x h hr hrs m min mins s sec ms k kg g mg km cm mm ml l gb mb kb px am pm d w".split())  # noqa: SIM905
_IDIOMS = frozenset(
    """24/7 100% 101% 110% 200% 50/50 9to5 9-to-5 b2b b2c a4 a5 a3 mp3 mp4 h264 2d 3d 4d 2fa 3g 4g 5g 4k 8k utf-8 utf8
    co2 h2o covid-19 covid19 gpt-4 7zip w3 i18n l10n md5 sha1 sha256 base64 x64 x86 python3 q1 q2 q3 q4 h1 0 00
    911 112 999 404""".split()  # noqa: SIM905
)
_COUNTING = 12
_LOOKED_BACK = 24
"""Characters before an amount in words that may say that it is rough."""
_LONGEST_JOIN = 4
_ONES = {
    word: number
    for number, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()  # noqa: SIM905
    )
}
_TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}  # noqa: SIM905
_LARGE = {"hundred": 100, "thousand": 1000}
_ALL_WORDS = "|".join((*_ONES, *_TENS, *_LARGE, "dozen"))
_IN_WORDS = re.compile(rf"\b(?:{_ALL_WORDS})(?:(?:\s+and)?[\s-]+(?:{_ALL_WORDS}))*\b", re.IGNORECASE)

_TO_19 = "|".join(list(_ONES)[1:])
_TO_99 = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-]+(?:{'|'.join(list(_ONES)[1:10])}))?|{_TO_19})"
_TO_999 = rf"(?:(?:{_TO_19})[\s-]+hundred(?:[\s-]+(?:and\s+)?{_TO_99})?|{_TO_99})"
_ONE_NUMBER = re.compile(rf"{_TO_999}(?:[\s-]+thousand(?:\s+(?:and\s+)?{_TO_999})?)?", re.IGNORECASE)
"""Words that make just one number: "nineteen ninety-nine" may be a price in dollars and cents."""
_MONEY_WORD = re.compile(r"[\s-]+(?:dollars?|euros?|francs?)\b", re.IGNORECASE)
"""Without "pounds", which may weigh something, and without words for money that are used in sayings."""
_ROUGH = re.compile(
    r"(?:\b(?:a|an|or|to|and|about|around|approximately|roughly|almost|nearly|over|under|above|below|some|than|least|most|"
    r"like|point|half|hundred|thousand|million|another|extra|maybe|perhaps)|\d|~|\bup to)[\s,.-]*\Z",
    re.IGNORECASE,
)
"""What stands before an amount in words that is not meant to the dollar, or is only the end of one."""


class _Token(NamedTuple):
    """A piece of a text without spaces, without marks at its ends, and its place."""

    text: str
    start: int
    end: int


def plain_form(text: str) -> str:
    """Return the letters and digits of a text in lower case, full-width ones as usual ones."""
    text = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return "".join(char for char in text.lower() if char.isalnum())


class _Given(NamedTuple):
    """The values that one text gives; `forms` are all ways to write its tokens."""

    forms: frozenset[str] = frozenset()
    numbers: frozenset[Decimal] = frozenset()
    days: frozenset[Day] = frozenset()
    times: frozenset[int] = frozenset()
    mails: frozenset[str] = frozenset()


class Known:
    """The values that texts have given so far."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._numbers: set[Decimal] = set()
        self._days: set[Day] = set()
        self._times: set[int] = set()
        self._mails: set[str] = set()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Take the values of a further text as known."""
        given = _given_by(text)
        self._forms |= given.forms
        self._numbers |= given.numbers
        self._days |= given.days
        self._times |= given.times
        self._mails |= given.mails

    def unknown(self, text: str) -> str | None:
        """Return the first value of a text, as it is written, that no text gave; None when all are known."""
        in_words = self._unknown_money_in_words(text)
        if in_words is not None or not _ANY.search(text):
            return in_words
        for found in _MAIL.finditer(text):
            if found[0].rstrip(".").lower() not in self._mails:
                return found[0]
        text = _MAIL.sub(lambda found: " " * len(found[0]), text)
        rest = text
        for day, (start, end) in days(text):
            if not self._knows_day(day):
                return text[start:end] if plain_form(text[start:end]) not in self._forms else None
            rest = _blanked(rest, start, end)
        for times, (start, end) in clock_times(rest):
            if not self._times.intersection(times) and plain_form(rest[start:end]) not in self._forms:
                return rest[start:end]
            rest = _blanked(rest, start, end)
        tokens = _tokens(rest)
        for place, token in enumerate(tokens):
            if any(char.isdigit() for char in token.text) and not self._knows(tokens, place, rest):
                return token.text
        return None

    def _unknown_money_in_words(self, text: str) -> str | None:
        """Return the first amount of money in words that no text gave, to the dollar."""
        for found in _IN_WORDS.finditer(text):
            unit = _MONEY_WORD.match(text, found.end())
            before = text[max(0, found.start() - _LOOKED_BACK) : found.start()]
            if unit is None or not _ONE_NUMBER.fullmatch(found[0]) or _ROUGH.search(before):
                continue
            (amount,) = _numbers_in_words(found[0])
            if amount > _COUNTING and not any(amount in (int(known), round(known)) for known in self._numbers):
                return f"{found[0]}{unit[0]}"
        return None

    def _knows_day(self, day: Day) -> bool:
        return any(_agree(day, known) or _agree(_turned(day), known) for known in self._days)

    def _knows(self, tokens: list[_Token], place: int, text: str) -> bool:
        token = tokens[place]
        is_money = (
            token.text[0] in "$€£¥" or token.text[-1] in "%€$£" or _MONEY_BEHIND.match(text, token.end) is not None
        )
        number = _number(token.text)
        if number is not None and abs(number) in self._numbers:
            return True
        if token.text.lower() in _IDIOMS:
            return True
        if is_money:
            return False
        if plain_form(token.text) in self._forms or self._is_part(tokens, place):
            return True
        if number is not None:
            return _counts(number, text, token.end)
        counted = _WITH_UNIT.fullmatch(token.text)
        if counted and counted["unit"].lower() in _UNITS:
            value = Decimal(counted["number"])
            nth = counted["unit"].lower() in ("st", "nd", "rd", "th")
            return value <= (31 if nth else _COUNTING) or value in self._numbers or counted["unit"].lower() == "min"
        return self._knows_parts(token.text)

    def _is_part(self, tokens: list[_Token], place: int) -> bool:
        """Return whether a token makes a known value together with its neighbours, as "SW1A" and "1AA" do."""
        for first in range(max(0, place - _LONGEST_JOIN + 1), place + 1):
            for last in range(place + 1, min(len(tokens), first + _LONGEST_JOIN) + 1):
                if last - first > 1 and plain_form("".join(one.text for one in tokens[first:last])) in self._forms:
                    return True
        return False

    def _knows_parts(self, text: str) -> bool:
        """Return whether a token is a list or a range of values that are known each: "A-1/A-2", "4711,4712", "9-12"."""
        parts = [part for part in re.split(r"[/,;:&+–]|['’](?=s?$)|\.\.+", text) if part]
        if len(parts) == 1 and (re.fullmatch(r"\d+(?:-\d+)+", text) or re.fullmatch(r"[^\W\d_]{3,}_\d+", text)):
            parts = re.split(r"[-_]", text)
        if len(parts) < 2:
            return False
        for part in parts:
            if not any(char.isdigit() for char in part) or plain_form(part) in self._forms:
                continue
            number = _number(part)
            if number is None or not (number in self._numbers or (number <= _COUNTING and number == int(number))):
                return False
        return True


@lru_cache(maxsize=1024)  # the texts about a persona are the same in many dialogues
def _given_by(text: str) -> _Given:
    numbers = set(_numbers_in_words(text))
    if not _ANY.search(text):
        return _Given(numbers=frozenset(numbers))
    rest, found, minutes = text, set[Day](), set[int]()
    for day, (start, end) in days(text):
        found.add(day)
        rest = _blanked(rest, start, end)
    for times, (start, end) in clock_times(rest):
        minutes.update(times)
        rest = _blanked(rest, start, end)
    numbers.update(abs(number) for token in _tokens(rest) if (number := _number(token.text)) is not None)
    mails = frozenset(mail.lower() for mail in _MAIL.findall(text))
    return _Given(frozenset(_forms_of(_tokens(text))), frozenset(numbers), frozenset(found), frozenset(minutes), mails)


def _forms_of(tokens: list[_Token]) -> set[str]:
    """Return every way to write the tokens: joined with their neighbours, and their digits alone."""
    found: set[str] = set()
    forms = [plain_form(token.text) for token in tokens]
    for place, (token, form) in enumerate(zip(tokens, forms, strict=True)):
        if any(char.isdigit() for char in form):
            found.add(form)
            found.update(re.findall(r"\d+", token.text))
            found.update(plain_form(part) for part in re.split(r"[/,;:&@.]", token.text) if part)
            found.add("".join(char for char in form if char.isdigit()))
        for last in range(place + 2, min(len(forms), place + _LONGEST_JOIN) + 1):
            joined = "".join(forms[place:last])
            if any(char.isdigit() for char in joined):
                found.add(joined)
    return found


def days(text: str) -> Iterator[tuple[Day, tuple[int, int]]]:
    """Yield the dates of a text with their places, none of which overlap."""
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for found in pattern.finditer(text):
            start, end = found.span()
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            day = _day(found)
            if day is not None:
                taken.append((start, end))
                yield day, (start, end)


def same_day(one: str, other: Day) -> bool:
    """Return whether a text is just a date, and agrees with a day."""
    return any(_agree(day, other) for day, (start, end) in days(one) if not one[:start].strip() + one[end:].strip())


def _day(found: re.Match[str]) -> Day | None:
    part = found.groupdict()
    year = int(part["year"]) if part.get("year") else None
    if year is not None and year < 100:
        year += 2000 if year < 50 else 1900
    if part.get("first"):
        first, second = int(part["first"]), int(part["second"])
        month, day = (first, second) if first <= 12 else (second, first)
    else:
        month = int(part["number"]) if part.get("number") else _MONTH_NUMBER[part["month"].lower().rstrip(".")]
        day = int(part["day"]) if part.get("day") else None  # type: ignore[assignment]
    return (year, month, day) if 1 <= month <= 12 and (day is None or 1 <= day <= 31) else None


def _turned(day: Day) -> Day:
    """Return a day with day and month exchanged, as 3/4/2026 may be read."""
    year, month, number = day
    return (year, number, month) if number is not None and number <= 12 else day


def _agree(one: Day, other: Day) -> bool:
    return one[1] == other[1] and all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def clock_times(text: str) -> Iterator[tuple[tuple[int, ...], tuple[int, int]]]:
    """Yield the minutes of the day that each time of a text may mean, with its place."""
    for found in _TIME.finditer(text):
        hour, minute = int(found["hour"]), int(found["minute"] or found["minute2"] or 0)
        half = (found["half"] or found["half2"] or "").lower()
        if hour > 24:
            continue
        base = hour % 24 * 60 + minute
        if half:
            yield (base % 720 + (720 if half == "p" else 0),), found.span()
        else:
            yield (base,) if hour > 12 else (base, (base + 720) % 1440), found.span()


def _tokens(text: str) -> list[_Token]:
    return [_Token(found[0], *found.span()) for found in _TOKEN.finditer(text)]


def _number(text: str) -> Decimal | None:
    """Return the number that a token is, without its sign; None for any other token."""
    found = _NUMBER.fullmatch(text.lstrip("-+−#"))
    if found is None or len(text) > 30:
        return None
    written = found["number"]
    written = written.replace(",", ".") if re.fullmatch(r"\d+,\d{1,2}", written) else written.replace(",", "")
    return (Decimal(written) * (1000 if found["scale"] else 1)).normalize()


def _counts(number: Decimal, text: str, end: int) -> bool:
    """Return whether an unknown number only counts something."""
    if number == int(number) and number <= _COUNTING:
        return True
    return number < 1000 and _COUNTS_BEHIND.match(text, end) is not None


def _numbers_in_words(text: str) -> Iterator[Decimal]:
    """Yield the numbers that a text writes in words."""
    for found in _IN_WORDS.finditer(text):
        total = current = 0
        for word in re.findall(r"[a-z]+", found[0].lower()):
            if word == "hundred":
                current = max(current, 1) * 100
            elif word == "thousand":
                total, current = total + max(current, 1) * 1000, 0
            elif word != "and":
                current += 12 if word == "dozen" else _ONES[word] if word in _ONES else _TENS[word]
        yield Decimal(total + current).normalize()


def _blanked(text: str, start: int, end: int) -> str:
    return f"{text[:start]}{' ' * (end - start)}{text[end:]}"
