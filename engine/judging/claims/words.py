"""Words of texts and of field names, brought to one form so that they can be compared: "Remaining", "left" and
`refills_left` share a stem. English only; pure."""

from __future__ import annotations

import re
from functools import lru_cache


def words_of(text: str) -> list[str]:
    """Return the words of a list that is written as one text."""
    return text.split()


def word_set(text: str) -> frozenset[str]:
    """Return the words of a list that is written as one text, in no order."""
    return frozenset(words_of(text))


_WORD = re.compile(r"([^\W\d_]+)(?:['’][a-z]+)?")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_FOREIGN = word_set(
    """der die das den dem und ist nicht ihr ihre wurde wird auf mit von für ein eine zum innerhalb le la les des du est
    votre vous nous sera dans sous pour avec une el los las su se ha que para por con una del il lo gli che non di sono
    per entro è een het van uw de en op wordt binnen zijn o os um uma seu sua foi será em não com och är att på för din
    ditt og er til deres jest nie na się"""
)
"""Common words of other languages that are written in Latin letters."""
_COMMON = word_set(
    """a about above after again all already also am an and any are as at be been before being below both but by can
    could did do does done down each else every few first for from further get give goes going got had has have he
    hence her here him his how i if in instead into is it its just last let like me might more most much must my
    near next no not now of off on once one only or other our out over own per please rather same say shall she
    should since so some soon still such take than that the their them then there these they thing this those
    though through to today tomorrow too under until up us very via was way we well were what when where which
    while who will with within without would yes yet you your yours"""
)
_SAME = {
    group.split()[0]: group.split()[1:]
    for group in (
        "remain left rest spare",
        "price cost",
        "mean average",
        "deliver arrive arrival come came",
        "ship dispatch sent leave",
        "height high tall",
        "width wide",
        "length long",
        "stock shelf hand available inventory",
        "due owe",
        "expire valid validity end ends",
        "place ordered",
        "refund repay",
        "begin start began begun",
        "phone telephone mobile",
        "fee charge charged",
        "age old aged",
        "line row",
        "open opened",
    )
}


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """Return what forms of a word share, in lower case: "shipping", "ships" and "shipped" are "ship"."""
    word = word.lower()
    return _CANON.get(root := _root(word), root)


def _root(word: str) -> str:
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            return word.rstrip("ey") if len(word) > 3 else word
    if word.endswith("ly") and len(word) > 5:
        word = word[:-2]
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3]
    elif word.endswith("es") and len(word) > 4 and word[-3] in "sxz":
        word = word[:-2]
    elif word.endswith("s") and len(word) > 3 and word[-2] not in "sui":
        word = word[:-1]
    return word.rstrip("ey") if len(word) > 3 else word


_CANON = {_root(other): _root(first) for first, others in _SAME.items() for other in (first, *others)}


@lru_cache(maxsize=4096)
def stems(text: str) -> tuple[tuple[str, int], ...]:
    """Return (stem, place) of each word of a text that says something, in order."""
    return tuple((stem(found[1]), found.start()) for found in _WORD.finditer(text) if found[1].lower() not in _COMMON)


@lru_cache(maxsize=8192)
def of_name(name: str) -> frozenset[str]:
    """Return the stems of a field's or tool's name: snake case, camel case, or words."""
    return frozenset(stem(part) for part in _PART.findall(name) if part.lower() not in _COMMON or part == "left")


def is_english(text: str) -> bool:
    """Return False for a text that is surely in another language; a short one may be in any."""
    if not text.isascii():
        letters = [char for char in text if char.isalpha()]
        if sum(not char.isascii() for char in letters) * 3 > len(letters):
            return False
    words = [word.lower() for word in _WORD.findall(text)]
    foreign = len([word for word in words if word in _FOREIGN])
    return foreign < 2 or foreign <= len([word for word in words if word in _COMMON])
