"""Which facts a text states. Letter case, white space and thousands separators do not matter; a number matches any
equal writing (25.5, 25.50), but never a part of a longer number, a date or a time of day.

A fact in words right after a negation ("not possible" for "possible") is not stated. Nothing else of the language is
understood: "I doubt that it is possible" states "possible".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_NUMBER = re.compile(rf"(?<![\w.])(?<![^\W\d]-)-?{_DIGITS}(?![\w]*\d)(?![.,]\d)")
_PLAIN = re.compile(rf"[^\w-]*(-?(?!0\d){_DIGITS})\s*%?[^\d\w]*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MOMENT = re.compile(r"(?<![\w-])(?:\d{4}-\d\d-\d\d|\d\d?:\d\d(?::\d\d)?)(?![\w-])")
_NEGATION = re.compile(
    r"(?:\b(?:not|never|no longer|cannot|neither|nor|without)|n't)"
    r"(?: (?:be|been|being|get|got|yet|ever|even|already|actually|currently|fully|completely|really|any|a|an|the))* $"
    r"|\bnon-$"
)
_LOOKBACK = 40
"""Characters before a fact that are searched for a negation."""


def normal(text: str) -> str:
    """Return the text in lower case with single spaces and plain quotes."""
    text = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"').replace("\u00a0", " ")
    return " ".join(text.lower().split())


def missing(facts: Sequence[Sequence[str]], text: str) -> list[Sequence[str]]:
    """Return the facts that the text does not state in any of their alternatives, in order."""
    plain = normal(text)
    numbers = {value for found in _NUMBER.findall(_MOMENT.sub(" ", plain)) if (value := _decimal(found)) is not None}
    plain = _THOUSANDS.sub("", plain)
    return [fact for fact in facts if not any(_states(option, plain, numbers) for option in fact)]


def _states(option: str, plain: str, numbers: set[Decimal]) -> bool:
    wanted = normal(option)
    single = _PLAIN.fullmatch(wanted)
    if single:
        return _decimal(single.group(1)) in numbers
    return _within(_THOUSANDS.sub("", wanted), plain)


def _within(wanted: str, plain: str) -> bool:
    """Return whether `plain` has `wanted` as whole words and numbers, not after a negation."""
    if not wanted:
        return False
    before = r"(?<!\w)(?<!\d\.)" if wanted[0].isdigit() else r"(?<!\w)" if wanted[0].isalnum() else ""
    after = r"(?!\w)(?!\.\d)" if wanted[-1].isdigit() else r"(?!\w)" if wanted[-1].isalnum() else ""
    places = re.finditer(before + re.escape(wanted) + after, plain)
    return any(not _NEGATION.search(plain[max(0, place.start() - _LOOKBACK) : place.start()]) for place in places)


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "")).normalize()
    except InvalidOperation:
        return None
