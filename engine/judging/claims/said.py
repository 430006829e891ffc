"""An answer taken apart: its sentences and clauses, its values, and which words stand for which value."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.judging.claims.value import Value
from engine.judging.claims.values import values
from engine.judging.claims.words import stems, word_set

_SENTENCE_END = re.compile(
    r"(?=[.!?])(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\bNo)(?<!\be\.g)(?<!\bi\.e)(?<!\bapprox)"
    r"[.!?]+(?=[\s\"')*\]]|$)|\n+"
)
_CLAUSE_END = re.compile(
    r"[,;(){}\[\]]\s?|\s[–—/-]\s|\s(?:while|whereas|but|against|so|because|which|instead of|rather than|of which)\s"
)
_EXAMPLE = re.compile(
    r"\b(?:for example|for instance|e\.g\.|such as|something like|looks? like|in the form)(?=\W)", re.IGNORECASE
)
_BEGINS = re.compile(r"\b(?:and|or|plus|then)\b")
_IN_TOTAL = re.compile(r"\bin $", re.IGNORECASE)
MOST_VALUES = 200
_LONGEST = 1200
"""Characters of a sentence."""
_REACH = 45
"""Characters between a value and the words that may stand for it."""
_NEARBY = 80
"""Characters around a value in which words are looked at."""
_NEW_PART = 30
"""By how many characters a word behind an "and" counts as further away."""


@dataclass(frozen=True, slots=True)
class Said:
    """A value with the part of the answer in which it stands. `labels` are the stems of the words that are nearer to it
    than to any other value, the nearest first; `title` and `noun` are those that name it: the words that lead up to it
    ("your store credit is now 4.20": credit, stor), and the words right behind it ("34 pieces left": piec, remain).
    `asked` is True in a question, `example` behind "for example"."""

    value: Value
    sentence: tuple[int, int]
    clause: tuple[int, int]
    labels: tuple[str, ...]
    title: tuple[str, ...]
    noun: tuple[str, ...]
    asked: bool
    example: bool


@lru_cache(maxsize=64)
def bounds(text: str) -> tuple[tuple[int, int], ...]:
    """Return where the sentences of a text begin and end. What goes on for too long is no sentence and is cut."""
    return tuple(
        (start, min(start + _LONGEST, stop))
        for begin, stop in _pieces(text, _SENTENCE_END, 0, len(text), ())
        for start in range(begin, stop, _LONGEST)
    )


def taken_apart(text: str) -> list[Said]:
    """Return what an answer says, in order; of a longer list of values the first MOST_VALUES."""
    found = values(text)[:MOST_VALUES]
    spans = [(value.start, value.end) for value in found]
    words = _words(text, spans)
    places = [at for _, at in words]
    said: list[Said] = []
    for sentence in bounds(text):
        inside = [value for value in found if sentence[0] <= value.start < sentence[1]]
        if not inside:
            continue
        clauses = list(_pieces(text, _CLAUSE_END, *sentence, spans))
        asked = text[sentence[0] : sentence[1] + 1].rstrip().rstrip("\"')*").endswith("?")
        example = _EXAMPLE.search(text, *sentence)
        for value in inside:
            clause = next((c for c in clauses if c[0] <= value.start < c[1]), sentence)
            first, last = max(clause[0], value.start - _NEARBY), min(clause[1], value.end + _NEARBY)
            own = words[bisect_left(places, first) : bisect_left(places, last)]
            beside = [
                v for v in inside if clause[0] <= v.start < clause[1] and abs(v.start - value.start) < 3 * _NEARBY
            ]
            labels = _labels(text, value, beside, own)
            is_example = example is not None and value.start > example.start()
            title, noun = _title(text, clause[0], value), _behind(text, value, clause[1])
            said.append(Said(value, sentence, clause, labels, title, noun, asked, is_example))
    return said


def _words(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    return [
        (word, at)
        for word, at in stems(text)
        if not any(start <= at < end for start, end in spans)
        and not (word == "total" and _IN_TOTAL.search(text, max(0, at - 4), at))
    ]


def _labels(text: str, value: Value, beside: list[Value], words: list[tuple[str, int]]) -> tuple[str, ...]:
    """Return the stems of those words of a clause that belong to a value, since it is the nearest of its kind."""
    rivals = [other for other in beside if other.kind == value.kind or other.kind == "amount" == value.kind]
    own = []
    for word, at in words:
        distances = [(_distance(text, other, at, len(word)), other is not value) for other in rivals]
        nearest = min(distances)
        if not nearest[1] and nearest[0] <= _REACH:
            own.append((nearest[0], word))
    return tuple(dict.fromkeys(word for _, word in sorted(own)))


def _distance(text: str, value: Value, at: int, size: int) -> float:
    """Return how far a word is from a value, in characters; one behind it is further where something new begins."""
    if at < value.start:
        return value.start - at - size + (_NEW_PART / 2 if ":" in text[at : value.start] else 0)
    return at - value.end + 0.5 + (_NEW_PART if _BEGINS.search(text, value.end, at) else 0)


# ---------------------------------------------------------------- the words that name a value

_LEADING = word_set(
    """is are was were be now still only of at to has have holds stands about just currently remains a an the for you
    your us comes amounts reads will would get got on shows equals again already also around roughly nearly almost
    over under exactly"""
)
_LEADING_TO_DAYS = _LEADING | word_set("by until since from before")
_TRAILING = word_set("in on for the your our more and")
_WORD_BEFORE = re.compile(r"([^\W\d_][\w'’]*)([\s\W]{0,4})$")
_WORD_BEHIND = re.compile(r"[ \-–]{1,2}([^\W\d_][\w'’]*)")
_NEXT_VALUE = re.compile(r"[ :]{1,2}(?:EUR |USD )?[€$£]?\d")
_CALENDAR = word_set(
    """january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday"""
)
_MOST_WORDS = 4
_FURTHEST = 200
"""Characters before a value in which the next word is looked for, so that the time does not grow with the clause."""
_PART_OF = re.compile(r"\b(?:left|remain\w*|out|paid|used|spent|taken|\w+s)\s+of\s+(?:your\s|the\s|all\s)?$", re.I)


def _title(text: str, start: int, value: Value) -> tuple[str, ...]:
    """Return the stems of the words that lead up to a value, the nearest first: none in "2 of your 5 visits"."""
    stop = value.start
    if _PART_OF.search(text, max(start, stop - _FURTHEST), stop):
        return ()
    found: list[str] = []
    leading = _LEADING if value.kind == "amount" else _LEADING_TO_DAYS
    passed = 0
    while len(found) < _MOST_WORDS and passed < 8:
        word = _WORD_BEFORE.search(text, max(start, stop - _FURTHEST), stop)
        if not word or word[1].lower() in _CALENDAR or any(char.isdigit() for char in word[2]):
            break
        own = stems(word[1])
        if own:
            found.append(own[0][0])
        elif word[1].lower() not in leading:
            break
        stop, passed = word.start(), passed + 1
    return tuple(found)


def _behind(text: str, value: Value, stop: int) -> tuple[str, ...]:
    """Return the stems of the words right behind a value: none in "2.90 was added to your credit"."""
    found: list[str] = []
    place, joined = value.end, None
    while len(found) < _MOST_WORDS:
        word = _WORD_BEHIND.match(text, place, stop)
        if not word:
            break
        own = stems(word[1])
        if own:
            found.append(own[0][0])
        elif word[1].lower() not in _TRAILING:
            break
        if word[1].lower() == "and":
            joined = len(found)
        place = word.end()
    if joined is not None and _NEXT_VALUE.match(text, place):
        return tuple(found[:joined])
    return tuple(found)


def _pieces(
    text: str, ends: re.Pattern[str], start: int, stop: int, whole: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the pieces of a part of a text between the ends, none of which lies within a value."""
    starts = [span[0] for span in whole]
    place = start
    for found in ends.finditer(text, start, stop):
        number = bisect_right(starts, found.start()) - 1
        if number >= 0 and found.start() < whole[number][1]:
            continue
        if found.start() > place:
            yield place, found.start()
        place = found.end()
    if place < stop:
        yield place, stop
