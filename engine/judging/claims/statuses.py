"""Status words: which concept a word means, and where a text says that something is in that state. English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

_CONCEPTS = {
    "pending": "pending|awaiting|waiting to be (?:packed|processed|reviewed|handled)|not yet (?:processed|started)",
    "processing": "processing|being (?:packed|processed|prepared|handled)|in (?:progress|process|preparation)|underway",
    "shipped": "shipped|dispatched|on (?:its|the|their) way(?! back)|in transit|with the carrier|sent out|"
    "out for delivery",
    "delivered": "delivered|has arrived|have arrived|was dropped off",
    "cancelled": "cancell?ed|called off|withdrawn|voided|revoked",
    "returned": "returned|sent back",
    "refunded": "refunded|paid back|reimbursed",
    "requested": "requested",
    "submitted": "submitted",
    "approved": "approved|authori[sz]ed|granted",
    "rejected": "rejected|declined|denied|refused|turned down",
    "booked": "booked|scheduled|confirmed|reserved",
    "open": "open|unresolved|unpaid|outstanding",
    "closed": "closed|resolved",
    "paid": "paid|settled",
    "valid": "valid|still good|in force",
    "active": "active|enabled|switched on",
    "inactive": "inactive|disabled|deactivated|switched off",
    "expired": "expired|lapsed|run out|no longer valid|out of date",
    "done": "done|completed?|finished",
    "failed": "fail(?:ed|s|ing)?|unsuccessful",
    "passed": "pass(?:ed|es|ing)?|succeed(?:ed|s)?|successful|green",
    "blocked": "blocked|frozen|suspended|locked",
    "overdue": "overdue|past due",
    "in stock": "in stock|available|on the shelf",
    "sold out": "sold out|out of stock|unavailable|not available|not in stock",
    "covered": "covered",
    "eligible": "eligible",
    "subscribed": "subscribed|signed up",
    "unsubscribed": "unsubscribed|taken off|signed off",
    "verified": "verified",
}
_WORD = {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _CONCEPTS.items()}
_ANY = re.compile(rf"\b(?:{'|'.join(_CONCEPTS.values())})\b", re.IGNORECASE)

AGREES = {
    "pending": {"open", "submitted", "requested", "processing"},
    "processing": {"open", "pending"},
    "shipped": {"open"},
    "delivered": {"closed", "done", "paid"},
    "cancelled": {"closed", "done"},
    "returned": {"closed", "delivered", "shipped", "done"},
    "refunded": {"paid", "closed", "done", "returned", "approved", "delivered"},
    "requested": {"open", "pending", "submitted", "booked", "approved"},
    "submitted": {"open", "pending", "requested"},
    "approved": {"done", "valid"},
    "rejected": {"closed"},
    "booked": {"open", "active", "done", "approved", "valid"},
    "open": {"active", "pending", "valid", "submitted", "overdue"},
    "closed": {"done"},
    "paid": {"closed", "done", "refunded", "approved"},
    "valid": {"active", "open"},
    "active": {"valid", "open"},
    "expired": {"closed"},
    "done": {"closed"},
}
"""What may be said of a status without contradicting it."""
CLASHES = {
    "booked": {"cancelled", "rejected", "expired"},
    "done": {"open"},
    "open": {"closed", "cancelled", "paid", "refunded", "done", "rejected", "delivered", "returned"},
    "valid": {"expired", "cancelled", "closed"},
    "active": {"expired", "cancelled", "closed", "inactive"},
}
"""What a word that has many meanings contradicts; "that's done" says nothing of an order that is pending."""
OPPOSITES = {
    "valid": {"expired"},
    "active": {"expired", "inactive"},
    "expired": {"valid", "active"},
    "in stock": {"sold out"},
    "sold out": {"in stock"},
    "inactive": {"active"},
    "subscribed": {"unsubscribed"},
    "unsubscribed": {"subscribed"},
    "open": {"closed"},
    "closed": {"open"},
}
"""Which states are the contrary of one, where fields are true or false."""
EVENTS = frozenset(["shipped", "delivered", "cancelled", "returned", "refunded", "approved", "rejected", "paid"])
"""States that are entered by something that happened, so that "was delivered" says that it did."""
_HEDGE = re.compile(
    r"\b(?:once|if|when|whenever|after|until|till|before|as soon as|unless|whether|can|could|may|might|will|won't|"
    r"would|should|shall|must|cannot|can't|couldn't|to be|need(?:s|ed)? to|want(?:s|ed)? to|wish|please|"
    r"in case|provided|as long as|how|except|instead)\b|'ll\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[,;:(]\s|\s(?:and|but|so|because)\s|\s[–—-]\s")
_ENDS = re.compile(r"\s*(?:$|[\n.,;:!)*]|(?:now|today|already)\b)")
_YOU = re.compile(r"\byou(?:['’](?:ve|d)|\s+(?:have|had))?\s+(?:already\s+)?$", re.IGNORECASE)
_NOT = re.compile(
    r"(?:\b(?:not|never|no longer|neither|nor|cannot|isn't|aren't|wasn't|hasn't|haven't|without|no|none|zero|0)|n't)"
    r"(?:\s+(?:yet|been|be|be being|currently|actually|even|any|of them|a|the|is|are|tests?|has|have))*\s+$",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"(?:\b(?:is|are|was|were|be|been|being|got|gets?|has|have|had|stays?|remains?|still|already|now|shows?(?: as)?|"
    r"marked(?: as)?|counts? as|stands at|status(?: of \S+)?|set to|as|them|tests?|suite|run|i|we|it|that|"
    r"currently|fully|successfully|just|all|both|finally)|['’](?:s|ve|re|m)|[:–—*•=,]|^- )\W*$",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:was|were|had been|used to be|previously|before|earlier|until now|originally|no longer)\b", re.IGNORECASE
)
_HAPPENED = re.compile(r"\b(?:was|were|has|have|had|been|['’]ve|['’]s been|with|by)\W+(?:\w+\W+)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A text says that something is in a state (or, `denied`, that it is not; `past`, that it was; `happened`, that it
    came into it at some time) in this `word`. `clause` is where the part of the sentence begins that says so."""

    concept: str
    word: str
    start: int
    end: int
    denied: bool
    past: bool
    happened: bool
    clause: int


@lru_cache(maxsize=1024)
def concept_of(word: str) -> str | None:
    """Return the concept of a status word as results write it; None for one that is not known."""
    plain = word.replace("_", " ").replace("-", " ").strip().lower()
    found = next((name for name, pattern in _WORD.items() if pattern.fullmatch(plain)), None)
    return found


def assertions(text: str, start: int, stop: int) -> Iterator[Assertion]:
    """Yield what a clause asserts of states: not what could be, was asked for, or depends on something."""
    for found in _ANY.finditer(text, start, stop):
        begin = max((end.end() for end in _CLAUSE.finditer(text, start, found.start())), default=start)
        clause, before = text[begin : found.start()], text[max(start, found.start() - 80) : found.start()]
        bare = not clause.strip(" -*•")
        if (
            (bare and (found.start() == start or not _ENDS.match(text, found.end())))
            or _HEDGE.search(clause)
            or _YOU.search(before)
        ):
            continue
        if not bare and not _SAYS.search(before[-30:]) and not _NOT.search(before):
            continue
        name = concept_of(found[0]) or ""
        denied, past = bool(_NOT.search(before)), bool(_PAST.search(clause))
        happened = bool(_HAPPENED.search(before[-24:]))
        yield Assertion(name, found[0], found.start(), found.end(), denied, past, happened, begin)
