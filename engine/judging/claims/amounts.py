"""Amounts in a text: numbers in digits or words, with their currency, percent sign, unit or noun."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from engine.judging.claims.value import Page, Value
from engine.judging.claims.words import stem, word_set, words_of

_PLAIN = (
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d\d(?!\d)|"
    r"\d{1,3}(?:[ \u202f\u00a0]\d{3})+(?:[.,]\d\d)?(?!\d|\.\d)|\d+,\d(?=\s?(?:%|kg|km|cm|°|€))|"
    r"\d+,\d\d(?![\d,])|\d+(?:\.\d+)?|\.\d+"
)
_CURRENCY = r"(?:US\$|[€$£¥]|EUR|USD|GBP|CHF)"
_AMOUNT = re.compile(
    rf"(?<![\w.])(?P<sign>[-−+]\s?)?(?P<before>{_CURRENCY})?\s?(?P<minus>[-−])?(?<!\w)(?P<number>{_PLAIN})"
    rf"(?P<scale>\s?(?:k|m|bn|thousand|million|billion)\b)?"
    rf"(?P<after>\s?(?:%|percent\b|per\s?cent\b|{_CURRENCY}(?!\w)|euros?\b|dollars?\b|pounds?\b|cents?\b))?",
    re.IGNORECASE,
)
_MEASURE = re.compile(r"(?:mg|kg|g|ml|cl|l|cm|mm|m|km|px|dpi|gb|mb|kb|h|hrs?|min|x|w|v|ms|s)\b", re.IGNORECASE)
_LENGTH = re.compile(r"\s?(h|hrs?|mins?|(?<=\d)m)\b(?!²|2)", re.IGNORECASE)
"""Short for hours and minutes."""
_DECADE = re.compile(r"\b(?:19|20)\d0s\b|['’]\d0s\b")
_SCALES = {"k": 3, "m": 6, "bn": 9, "thousand": 3, "million": 6, "billion": 9}
_UNITS = {
    word: number
    for number, word in enumerate(
        words_of(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen"
        )
    )
}
_TENS = {
    word: 10 * number
    for number, word in enumerate(words_of("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
_LARGE = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
NUMBER_WORD = re.compile(
    rf"\b(?:{'|'.join(sorted([*_UNITS, *_TENS, *_LARGE, 'dozen'], key=len, reverse=True))})\b", re.IGNORECASE
)
"""One word of a number in words."""
_SHARE_OF = re.compile(r"\b(?:third|half|quarter|tenth|fraction|share)s? of an?\s+$", re.IGNORECASE)
_HALF_MORE = re.compile(r" and a half\b", re.IGNORECASE)
_ORDINAL = re.compile(r"(?<![\w.,])(?P<number>\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_AFTER_SPELLED = re.compile(
    r"\s?(?P<unit>%|percent\b|per\s?cent\b|euros?\b|dollars?\b|pounds?\b|cents?\b)", re.IGNORECASE
)
_NOUN = re.compile(r"[ \u00a0-]{0,2}(?P<first>[^\W\d_]+)(?:[ -](?P<second>[^\W\d_]+))?(?:[ -](?P<third>[^\W\d_]+))?")
_PASSED_OVER = word_set(
    "working business calendar full whole loyalty open upcoming more other of the our your further valid new old big "
    "small extra additional free last first different separate such single short long"
)
"""Words between a number and its noun."""
_NO_NOUN = word_set(
    "and or to for from in on at with is are was were be it that which who by as than if when will would can may has "
    "have had but so not only up out off each per until till through before after against into over under we you "
    "i they he she there this these those please also"
)
"""Words behind a number that say that it has no noun."""
_RANGE = re.compile(r"^\s?(?:or|to|and|-|–)\s?\d+(?=\s)")
_NEAR = re.compile(
    r"(?:\b(?:about|around|roughly|approximately|approx\.?|nearly|almost|some|circa|ca\.?|well (?:over|under)|"
    r"just (?:over|under)|(?:a )?(?:bit|little) (?:over|under|more than|less than)|close to|more than|over|less than|"
    r"under|a good|upwards? of|north of|in the region of|or so)\s+|[~≈]\s?)(?:EUR|USD|[€$£])?\s?$",
    re.IGNORECASE,
)
"""What says of the number behind it that it is rounded."""


def amounts(page: Page) -> Iterator[Value]:
    """Yield numbers in digits, with currency, percent sign or unit."""
    for decade in _DECADE.finditer(page.rest):
        page.blank(decade.start(), decade.end())
    for found in _AMOUNT.finditer(page.rest):
        number = _decimal(found["number"])
        if number is None or _goes_on(page.rest, found):
            continue
        scale = (found["scale"] or "").strip().lower()
        if scale and (scale != "m" or found["before"]):
            number *= 10 ** _SCALES[scale]
        if (found["sign"] or "").strip() in ("-", "−") or found["minus"]:
            number = -number
        unit, number = _unit(found["before"] or (found["after"] or "").strip(), number)
        end = found.end()
        if scale == "m" and not found["before"]:  # minutes or metres: 2h 35m
            end = found.end("number")
        lead = len(found[0]) - len(found[0].lstrip())
        start = found.start() + lead
        if found["sign"] and page.text[start - 1 : start].isalnum():
            start, number = found.start("before") if found["before"] else found.start("number"), abs(number)
        unit = unit or _noun(page.text[end:])
        yield Value("amount", number, start, end, page.text[start:end], unit, _near(page.text, start))


def _goes_on(text: str, found: re.Match[str]) -> bool:
    """Whether a number is the beginning of a word, as in "3rd", and not of its unit, as in "20mg"."""
    behind = text[found.end() :]
    return behind[:1].isalpha() and not found["after"] and _MEASURE.match(behind) is None


def _unit(written: str, number: Decimal) -> tuple[str, Decimal]:
    written = written.lower()
    if written.startswith(("%", "per")):
        return "%", number
    if written.startswith("cent"):
        return "money", number / 100
    return ("money" if written else ""), number


def _noun(behind: str) -> str:
    length = _LENGTH.match(behind)
    if length:
        return {"h": "hour", "m": "minut"}[length[1][0].lower()]
    behind = _RANGE.sub("", behind)
    found = _NOUN.match(behind)
    if not found or not (behind[:1].isspace() or behind[:1] == "-"):
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
    elif re.fullmatch(r"\d+,\d\d?", text):
        text = text.replace(",", ".")
    return Decimal(text.replace(",", "")) if len(text) < 40 else None


def ordinals(page: Page) -> Iterator[Value]:
    """Yield ordinal numbers that are no days, such as "the 95th percentile"."""
    for found in _ORDINAL.finditer(page.rest):
        noun = _noun(page.text[found.end() :])
        if len(found["number"]) < 2:
            continue
        yield Value("amount", Decimal(found["number"]), found.start(), found.end(), found[0], noun)


def spelled(page: Page) -> Iterator[Value]:
    """Yield numbers in words: "thirty-four", "two hundred and five", "four and a half"."""
    words = list(NUMBER_WORD.finditer(page.rest))
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
