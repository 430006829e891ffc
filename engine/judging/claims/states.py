"""Whether the states that an answer tells of are those that the tools told of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.judging.claims.entries import State
from engine.judging.claims.evidence import Evidence
from engine.judging.claims.said import Said, bounds
from engine.judging.claims.statuses import AGREES, CLASHES, EVENTS, OPPOSITES, Assertion, assertions, concept_of
from engine.judging.claims.value import Day, agrees
from engine.judging.claims.words import stem, stems

Wrong = tuple[str, str, int, int]
_NO_STATUS = frozenset(
    ["passed", "failed", "covered", "eligible", "verified", "in stock", "sold out", "subscribed", "unsubscribed"]
)
"""What is told by a field that is true or false, or by a number, and by no status."""
_ABOUT = re.compile(
    r"\b(?:it|they|this|that|these|he|she|them|everything|both)\b|\bstatus\b|"
    r"\b(?:your|the|this|that|its)\s(?:\w+\s){0,2}(?:order|parcel|package|shipment|delivery|item|return|exchange|claim|"
    r"appointment|visit|booking|invoice|bill|card|action|task|request|referral|ticket|status|entry|reservation|"
    r"subscription|account|application|case|issue|policy|contract)s?\b",
    re.IGNORECASE,
)
"""Words that speak of a record."""
_DAY = re.compile(r"[01]\d-[0-3]\d")
"""How records hold days among their words."""
_OF_ALL = re.compile(r"\b(?!(?:its|this|thus|yes)\b)[a-z]+s are (?:\w+ )?$", re.IGNORECASE)
_MONEY = re.compile(r"[€$£]|\b(?:EUR|USD|euros?|dollars?)\b", re.IGNORECASE)
_NO_SUBJECT = re.compile(
    r"\S*\d\S*|\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Place:
    """An assertion where it stands: in this sentence of an answer that names these ids and days at their places."""

    found: Assertion
    text: str
    start: int
    stop: int
    named: tuple[tuple[int, str], ...]
    days: tuple[tuple[int, Day], ...]

    @property
    def ids(self) -> list[str]:
        """The ids of the sentence, or the last one before it."""
        inside = [key for at, key in self.named if self.start <= at < self.stop]
        return inside or [key for at, key in self.named if at < self.start][-1:]

    def is_of_its_day(self, state: State) -> bool:
        """Return whether the sentence names the day of a state's record, if it names any and the record has one."""
        days = [key for at, key in self.days if self.start <= at < self.stop]
        words = state.record.words if state.record is not None else set()
        own = [(None, int(word[:2]), int(word[3:])) for word in words if _DAY.fullmatch(word)]
        return not days or not own or any(agrees(key, day) for key in days for day in own)

    @property
    def is_general(self) -> bool:
        """Whether the sentence speaks of all of a kind: "gift cards are valid for two years"."""
        return _OF_ALL.search(self.text, self.start, self.found.start) is not None

    def names_one(self, start: int) -> bool:
        """Return whether the words from there to the assertion speak of a record."""
        ids = any(start <= at < self.found.start for at, _ in self.named)
        return ids or bool(_ABOUT.search(self.text, start, self.found.start))


def wrong_states(text: str, said: Sequence[Said], evidence: Evidence) -> Iterator[Wrong]:
    """Yield (quote, why, start, end) of states that contradict what the tools told."""
    named, days = (
        tuple((one.value.start, one.value.key) for one in said if one.value.kind == kind) for kind in ("id", "date")
    )
    for start, stop in bounds(text):
        for found in assertions(text, start, stop):
            told = _contradicted(_Place(found, text, start, stop, named, days), evidence)
            if told:
                yield text[found.start : found.end], told, found.start, found.end


def _contradicted(place: _Place, evidence: Evidence) -> str | None:
    flags = [] if place.found.past or place.is_general else _flags(place, evidence)
    if any(holds != place.found.denied for _, holds in flags):
        return None
    if flags:
        state = flags[-1][0]
        return f"{state.place} said {state.word} is {str(state.holds).lower()}"
    return _status(place, evidence) or _run(place.found, evidence)


def _run(found: Assertion, evidence: Evidence) -> str | None:
    """Tests that were counted: none ever failed, or some did in the last run."""
    if not evidence.failing or found.concept not in ("failed", "passed") or found.past:
        return None
    failing, tool = evidence.failing[-1]
    says_failing = (found.concept == "failed") != found.denied
    now = found.word.lower() in ("fail", "fails", "failing")
    if says_failing and not any(number for number, _ in (evidence.failing[-1:] if now else evidence.failing)):
        return f"{tool} counted none that failed"
    return f"{tool} counted {failing} failed" if failing and not says_failing else None


# ---------------------------------------------------------------- true or false


def _flags(place: _Place, evidence: Evidence) -> list[tuple[State, bool]]:
    """Return the fields that are true or false and mean the concept or its contrary, each with whether the concept
    holds: covered, valid, expired, in stock. They are of the records that the sentence names, if it names some."""
    concept, contrary = place.found.concept, OPPOSITES.get(place.found.concept, set())
    flags = []
    for state in evidence.states:
        meant = concept_of(state.word) if state.is_flag and state.current else None
        if meant is not None and (meant == concept or meant in contrary) and place.is_of_its_day(state):
            flags.append((state, state.holds == (meant == concept)))
    words = {word for word, _ in stems(place.text[place.start : place.stop])} | set(place.ids)
    sizes = [len(state.record.words & words) if state.record is not None else 0 for state, _ in flags]
    return [flag for flag, size in zip(flags, sizes, strict=True) if size == max(sizes)]


# ---------------------------------------------------------------- status fields


def _status(place: _Place, evidence: Evidence) -> str | None:
    """Say which status a record has, where the sentence speaks of it and says another."""
    found = place.found
    if found.denied or found.concept in _NO_STATUS or (found.past and found.concept not in EVENTS):
        return None
    states = _states_of(place, evidence) if _is_about_a_record(place) else []
    concepts = {concept_of(state.word) for state in states}
    if not states or None in concepts or not all(_clash(found.concept, concept or "") for concept in concepts):
        return None
    if found.concept == "refunded" and any(
        state.record is not None and "refund" in state.record.shape for state in states
    ):
        return None
    happened = {field for state in states if state.record is not None for field in state.record.dated}
    if stem(found.concept) in evidence.done or (found.happened and stem(found.concept) in happened):
        return None
    return f"{states[-1].place} said {states[-1].word}"


def _clash(said: str, told: str) -> bool:
    if said == told:
        return False
    return told in CLASHES[said] if said in CLASHES else said not in AGREES.get(told, ())


def _is_about_a_record(place: _Place) -> bool:
    """Whether the words before the state speak of a record, or stand alone as in a list. A clause without a subject of
    its own goes on with that of the sentence."""
    begin = max(place.found.clause, place.text.rfind(")", place.found.clause, place.found.start) + 1)
    before = place.text[begin : place.found.start]
    if not before.strip(" -*•:–"):
        return True
    with_subject = stems(_NO_SUBJECT.sub(" ", before)) or _MONEY.search(before)
    return place.names_one(begin if with_subject else place.start)


def _states_of(place: _Place, evidence: Evidence) -> list[State]:
    """Return the states of the records that are named, else of those that were told last."""
    states = [s for s in evidence.states if s.record is not None and not s.is_flag and (s.current or place.found.past)]
    ids = place.ids
    if any(record.own_id in ids for record in evidence.records):
        return [state for state in states if state.record is not None and state.record.own_id in ids]
    last = max((state.order for state in states), default=0)
    if any(state.order < last and concept_of(state.word) == place.found.concept for state in states):
        return []  # it may speak of a record that was told of earlier
    return [state for state in states if state.order == last]
