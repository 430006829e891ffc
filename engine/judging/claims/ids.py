"""Ids in a text: what mixes letters and digits, groups of digits, paths, addresses, numbers that name something."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.judging.claims.value import Page, Value

_TOKEN = re.compile(r"[#@]?[^\W_][\w./@+:#-]*[^\W_]|#\d+")
_MIXED = re.compile(r"(?=.*\d)(?=.*[^\W\d_])")
_MEASURE = re.compile(
    r"\d[\d.,]*(?:st|nd|rd|th|s|am|pm|a\.m|p\.m|mg|kg|g|ml|cl|l|cm|mm|m|km|px|dpi|gb|mb|kb|h|hrs?|min|k|x|w|v|ms|%)"
    r"|\d+x\d+|[\d/.:-]+|\d+-?[a-z]{3,}|\d{1,2}[:.]\d\d(?:am|pm|a\.m|p\.m)|\d[\d.,]*/[a-z]+"
    r"|(?:19|20)\d\d-\d\d-\d\dt\d\d:\d\d.*|\d+h\d\d|\d{1,2}(?:[:.]\d\d)?(?:am|pm)?-\d{1,2}(?:[:.]\d\d)?(?:am|pm|h)",
    re.IGNORECASE,
)
_PATH = re.compile(
    r"(?=.*[\d_.]|.*/.*/)[\w.-]+(?:/[\w.*-]+)+/?|[\w-]+\.(?:py|csv|tsv|md|txt|json|jsonl|xlsx?|pdf|ya?ml|xml|zip|jpe?g|png|log|sqlite|"
    r"docx?|html?|js|ts|toml|ini|sh)",
    re.IGNORECASE,
)
_DIGIT_GROUPS = re.compile(
    r"(?<![\w.,-])(?:\+\d{1,3}[- ]|\d-)?(?:\(\d{2,5}\)[- ]?)?\d{2,5}(?:[- ]\d{2,8}){1,4}(?![\w-])|"
    r"(?<![\w.,-])\d{1,6}(?:-\d{1,7}){3,}(?![\w-])"
)
_VERSION = re.compile(r"v?\d+\.\d+\.\d+(?:\.\d+)*")
_IDLE = re.compile(
    r"24/7|\d{1,2}/\d{1,2}|and/or|he/she|(?:utf|iso|rfc|sha|cp|latin|windows)-?\d+(?:-\w+)?|base\d\d|u?int\d+|float\d+|mp[34]|"
    r"ipv[46]|oauth\d|http[/-]?\d|covid-19|co2|b2[bc]|q[1-4]|h[12]|[24]k|py(?:thon)?-?3|x86|x64|i18n|l10n|e2e|k8s|"
    r"usb-c|3d|5g|fy\d{2,4}|(?:utc|gmt)[+-]\d{1,2}(?::?\d\d)?|x\d{1,3}|h2o|wi-?fi\d?",
    re.IGNORECASE,
)
"""What mixes letters and digits and is the id of nothing."""
_NUMBERED = re.compile(
    r"\b(?:ending(?:\s+in|\s+with)?|extension|ext\.?|room|postcode|zip(?:\s+code)?|pin|code|phone|number|no\.|card|"
    r"reference|ticket|issue|id|commit|version)\s+(?:is\s+|of\s+)?#?$",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[\W_]+")
_CURRENCY = re.compile(r"(?:EUR|USD|GBP|CHF|US\$)[\d.,]+")
_WHOLE_NUMBER = re.compile(r"(?<![\w.,#-])\d+(?![\w,]*\d|\.\d|\w)")
_PAPER = re.compile(r"a[345](?=\s(?:paper|size|format|pages?|sheets?|prints?|portrait|landscape)\b)", re.IGNORECASE)
_DOTTED_DAY = re.compile(r"[0-3]?\d\.[01]?\d\.(?:19|20)\d\d")
_NAMED_VERSION = re.compile(r"\b(?:version|release|python|node|java|pandas|numpy|django)\s+$", re.IGNORECASE)
_DECIMAL = re.compile(r"(?<![\w.,])\d+\.\d+(?![\d.,]*\d)")
_REACH = 24
_LONG_NUMBER = 5
"""Digits of a number that begins with 0 and is none to reckon with."""


def ids(page: Page) -> Iterator[Value]:
    """Yield ids, paths, addresses and numbers that name something, such as the one of a card."""
    for found in _TOKEN.finditer(page.rest):
        token = found[0].rstrip(".:-")
        if token.isalpha() and token.lower() != "wifi":
            continue  # a plain word: most tokens are, and no pattern below takes one
        start, end = found.start(), found.start() + len(token)
        if ":" in token and "/" in token and not token.startswith("http"):
            token = token.split(":")[0]
            end = start + len(token)
        if _IDLE.fullmatch(token) or _PAPER.match(page.rest, start):
            page.blank(start, end)
        elif _is_id(token):
            yield Value("id", normal_id(token), start, end, token)
    for found in _DIGIT_GROUPS.finditer(page.rest):
        if _is_number_of_groups(found[0]):
            yield Value("id", normal_id(found[0]), found.start(), found.end(), found[0])
    for found in _DECIMAL.finditer(page.rest):
        if _NAMED_VERSION.search(page.text, max(0, found.start() - _REACH), found.start()):
            yield Value("id", found[0], found.start(), found.end(), found[0])
    for found in _WHOLE_NUMBER.finditer(page.rest):
        before = page.text[max(0, found.start() - _REACH) : found.start()]
        if _NUMBERED.search(before) or (len(found[0]) >= _LONG_NUMBER and found[0][0] == "0"):
            yield Value("id", found[0], found.start(), found.end(), found[0])


def _is_id(token: str) -> bool:
    if token.startswith("#") and token[1:].isdigit():
        return True
    if "@" in token[1:] or token.startswith(("http:", "https:")):
        return True
    if _VERSION.fullmatch(token):
        return not _DOTTED_DAY.fullmatch(token)
    if _PATH.fullmatch(token) and not _MEASURE.fullmatch(token):
        return True
    if not _MIXED.match(token) or _MEASURE.fullmatch(token):
        return False
    return not _CURRENCY.fullmatch(token)


def _is_number_of_groups(text: str) -> bool:
    """Phone numbers and the like, but neither a date, a range of years nor thousands with spaces."""
    groups = re.split(r"[- ()]+", text.lstrip("+(").rstrip(")"))
    if re.match(r"(?:19|20)\d\d-[01]\d\b", text):
        return False
    if "(" in text:
        return True
    if " " in text and text[0] != "0":
        return len(groups) > 2 and not all(len(group) == 3 for group in groups[1:])
    return sum(map(len, groups)) >= 6


def normal_id(token: str) -> str:
    """Return an id as it is compared: lower case, without a leading # and what stands around it."""
    return token.lower().lstrip("#@").strip("`'\"*.")


def compact(token: str) -> str:
    """Return the letters and digits of an id, so that "BH-208", "bh 208" and "BH208" are one."""
    return _SEPARATORS.sub("", token.lower())
