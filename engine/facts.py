"""Which facts a text states. Letter case, white space and thousands separators do not matter; a number matches
any equal writing (25.5, 25.50), but never a part of a longer number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

_NUMBER = re.compile(r"(?<![\w.])(?<![^\W\d]-)-?\d[\d,]*(?:\.\d+)?(?![\w]*\d)")
_PLAIN = re.compile(r"[^\w-]*(-?\d[\d,]*(?:\.\d+)?)\s*%?[^\d\w]*")


def normal(text: str) -> str:
    """Return the text in lower case with single spaces and plain quotes."""
    text = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"').replace("\u00a0", " ")
    return " ".join(text.lower().split())


def missing(facts: Sequence[Sequence[str]], text: str) -> list[Sequence[str]]:
    """Return the facts of which the text states no alternative, in order."""
    plain = normal(text)
    numbers = {value for found in _NUMBER.findall(plain) if (value := _decimal(found)) is not None}
    return [fact for fact in facts if not any(_states(option, plain, numbers) for option in fact)]


def _states(option: str, plain: str, numbers: set[Decimal]) -> bool:
    wanted = normal(option)
    single = _PLAIN.fullmatch(wanted)
    if single:
        value = _decimal(single.group(1))
        return value is not None and value in numbers
    return _within(wanted, plain)


def _within(wanted: str, plain: str) -> bool:
    """Return whether `wanted` stands in `plain` as whole words."""
    if not wanted:
        return True
    before = r"(?<!\w)" if wanted[0].isalnum() else ""
    after = r"(?!\w)" if wanted[-1].isalnum() else ""
    return re.search(before + re.escape(wanted) + after, plain) is not None


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "")).normalize()
    except InvalidOperation:
        return None
