"""What an assistant's text asks of the person. Patterns for English; a question mark works in any language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from engine.types import Turn

_ASKS = re.compile(
    r"\b(please (provide|tell|share|give|send|let me know|specify|state)|could you|can you|may i have|"
    r"(i|i'll|i'd|we|we'll|we'd) (will |would |also |still )*(need|require) (an?|one|two|three|your|the|to know|more)|"
    r"(once|as soon as) (i|we) (have|know) (an?|your|the|which|what|when|where|who)|what is|what's|let me know)\b"
    r"|\b(your|the|which|what)\b[^.!?\n]* please[.!]*[ \n\"'*_)]*$",
    re.IGNORECASE,
)
_OFFER = (
    r"\b((any|some)thing else|(what|how) else|(can|may) i (help|assist) you further|"
    r"(more|else) i can (do|help)|(if|should) you (have|need|want) (any|more|further|other|something)|"
    r"(any|more|further|other) (questions|help|assistance))\b"
)
_OFFERS = re.compile(_OFFER, re.IGNORECASE)
_COURTESY = re.compile(rf"[^.!?\n]*{_OFFER}[^.!?\n]*[.!?]*", re.IGNORECASE)
_CONFIRMS = re.compile(
    r"\b(shall i|should i|do you want me to|would you like me to|please confirm|do you confirm|can you confirm|"
    r"could you confirm|go ahead\?|proceed\?|is (that|this) (correct|right|ok|okay))",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\S)[^.!?\n]*)*[.!?\n]*\s*")
# words that say nothing about what an English question is about; all others do
_COMMON = frozenset(
    """a able about absolutely access after again ahead all also always am an and another any apologies are as ask
    at back be been before both but by can certainly check clarify complete confirm continue could course d describe
    detail did do does doing done each else enter exact exactly example exist explain few find first for from
    further get give glad gladly go going got had happen happened happening happens happy has have help here how
    i id if in info information instead into is it its just kind kindly know least let like little ll look
    looking m many may me mean mind mine missing more most much my need next no not now of off ok okay on once
    one only open or other our out please pleasure possible precise precisely proceed process provide question
    re really refer request right s say second see send several shall share she should show sir so some
    something soon sorry specific specify start state still such supply sure t talk tell than thank that the
    their them then there these they thing think this those though to too under unfortunately up us use ve very
    want was we well were what when where which while who whom whose why will wish with word would yes you your
    yours""".split()  # noqa: SIM905 - a list of words
)
_KINDS = {
    kind: frozenset(members.split())
    for kind, members in {
        "WHEN": "when time day date hour weekday month year born birth birthday birthdate dob",
        "WHO": "who whom whose name person called",
        "WHERE": "where address street city town postcode postal zip",
        "PRICE": "price cost costs amount eur",
        "TEXT": "word words text phrase topic wording sentence",
        "MAIL": "email mail mails",
        "PHONE": "phone telephone mobile",
    }.items()
}
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=256)
def _without_offers(text: str) -> str:
    """Return a text without the sentences that offer further help. To find such a sentence costs the square of its
    length, so its words are looked for first."""
    return _COURTESY.sub("", text) if _OFFERS.search(text) else text


def asks(text: str) -> bool:
    """Return whether a text ends with a question or asks for something. An offer of further help does not count."""
    text = _without_offers(text)
    return text.rstrip(" \n\"'*_)").endswith("?") or bool(_ASKS.search(text))


def wants_confirmation(text: str) -> bool:
    """Return whether a text asks for confirmation before it goes on. An offer of further help does not count."""
    return bool(_CONFIRMS.search(_without_offers(text)))


def clarifications(turns: Sequence[Turn]) -> int:
    """Return how many questions in a row the assistant asked at the end of the turns of one request. A call and a text
    that asks nothing end the row. One question whether to go on is left out: it is no clarification, and policies
    demand it."""
    found, confirms = 0, False
    for turn in reversed(turns):
        if turn.role == "tool" or turn.tool_calls:
            break
        if turn.role != "assistant" or not turn.content:
            continue
        if not confirms and wants_confirmation(turn.content):
            confirms = True
        elif asks(turn.content) or wants_confirmation(turn.content):
            found += 1
        else:
            break
    return found


def asked_about(text: str) -> str | None:
    """Return a text from its first asking sentence on; None when it asks nothing."""
    text = _without_offers(text)
    sentences = _SENTENCE.findall(text)
    first = next((place for place, sentence in enumerate(sentences) if asks(sentence)), None)
    if first is not None:
        return "".join(sentences[first:])
    return text if asks(text) else None


def subjects(text: str) -> set[str]:
    """Return the words that say what an English text is about, in lower case, without a plural ending. Words that ask
    for the same ("when", "date") add a common one in capitals ("WHEN")."""
    found = set(_WORD.findall(text.lower()))
    kinds = {kind for kind, members in _KINDS.items() if found & members}
    return {_single(word) for word in found - _COMMON} - _COMMON | kinds


def is_english(text: str) -> bool:
    """Return whether at least 40% of a text's words are common English ones."""
    found = _WORD.findall(text.lower())
    return sum(word in _COMMON for word in found) >= 0.4 * len(found)


def _single(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith("ss"):
        return word
    return f"{word[:-3]}y" if word.endswith("ies") else word[:-1]
