"""Whether the states that an answer tells of are those that the tools told of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.judging.claims.evidence import Evidence, State
from engine.judging.claims.said import Said, bounds
from engine.judging.claims.statuses import AGREES, EVENTS, OPPOSITES, Assertion, assertions, concept_of
from engine.judging.claims.words import stem, stems

Wrong = tuple[str, str, int, int]


def wrong_states(text: str, said: Sequence[Said], evidence: Evidence) -> Iterator[Wrong]:
    """Yield (quote, reason, start, end) of states that contradict what the tools told."""
    places = [(one.value.start, one.value.key) for one in said if one.value.kind == "id"]
    for start, stop in bounds(text):
        for found in assertions(text, start, stop):
            ids = [key for at, key in places if start <= at < stop] or [key for at, key in places if at < start][-1:]
            told = _contradicted(found, text, (start, stop), ids, evidence, places)
            if told:
                quote = text[found.start : found.end]
                yield quote, f'the answer says "{quote}"; {told}', found.start, found.end


def _contradicted(
    found: Assertion,
    text: str,
    sentence: tuple[int, int],
    ids: Sequence[str],
    evidence: Evidence,
    places: Sequence[tuple[int, str]],
) -> str | None:
    flags = [] if found.past else _flags(found, text, sentence, ids, evidence)
    if flags:
        if any(holds != found.denied for _, holds in flags):
            return None
        state = flags[-1][0]
        return f"{state.place} said {state.word} is {str(state.holds).lower()}"
    return _status(found, text, sentence, ids, evidence, places) or _run(found, evidence)


def _run(found: Assertion, evidence: Evidence) -> str | None:
    """Tests that were counted: none failed, or some did."""
    if evidence.failing is None or found.concept not in ("failed", "passed") or found.past:
        return None
    failing, tool = evidence.failing
    says_failing = (found.concept == "failed") != found.denied
    if says_failing == (failing > 0):
        return None
    return f"{tool} counted {failing} failed"


def _flags(
    found: Assertion, text: str, sentence: tuple[int, int], ids: Sequence[str], evidence: Evidence
) -> list[tuple[State, bool]]:
    """Return the fields that are true or false and mean the concept or its contrary, each with whether the concept
    holds: covered, valid, expired, in stock."""
    contrary = OPPOSITES.get(found.concept, set())
    flags = []
    for state in evidence.states:
        if not state.is_flag or not state.current:
            continue
        concept = concept_of(state.word)
        if concept == found.concept:
            flags.append((state, state.holds))
        elif concept in contrary:
            flags.append((state, not state.holds))
    return _of_those_meant(flags, text, sentence, ids)


def _of_those_meant(
    flags: list[tuple[State, bool]], text: str, sentence: tuple[int, int], ids: Sequence[str]
) -> list[tuple[State, bool]]:
    """Return the states of the records that the sentence names, all where it names none."""
    words = {word for word, _ in stems(text[sentence[0] : sentence[1]])} | set(ids)
    best: list[tuple[State, bool]] = []
    most = -1
    for flag in flags:
        record = flag[0].record
        size = len(record.words & words) if record is not None else 0
        if size > most:
            best, most = [flag], size
        elif size == most:
            best.append(flag)
    return best


_FLAGS_ONLY = frozenset({"passed", "failed", "covered", "eligible", "verified", "in stock", "sold out", "subscribed", "unsubscribed"})
"""What is told by a field that is true or false, or by a number, and by no status."""
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_ABOUT = re.compile(
    r"\b(?:it|they|this|that|these|he|she|them|everything|both)\b|\bstatus\b|"
    r"\b(?:your|the|this|that|its)\s(?:\w+\s){0,2}(?:order|parcel|package|shipment|delivery|item|return|exchange|claim|"
    r"appointment|visit|booking|invoice|bill|card|action|task|request|referral|ticket|status|entry|reservation|"
    r"subscription|account|application|case|issue|policy|contract)s?\b",
    re.IGNORECASE,
)


def _is_about(found: Assertion, text: str, sentence: tuple[int, int], ids: Sequence[tuple[int, str]]) -> bool:
    """Whether the words before the state speak of a record, or stand alone as in a list. A clause without a subject of
    its own goes on with that of the sentence."""
    before = text[found.clause : found.start].rpartition(")")[2]
    if not before.strip(" -*•:–"):
        return True
    if not any(word for word, _ in stems(re.sub(r"\S*\d\S*|\b(?:" + _MONTHS + r")\b", " ", before))):
        before = text[sentence[0] : found.start]
        return bool(_ABOUT.search(before)) or any(sentence[0] <= at < found.start for at, _ in ids)
    return bool(_ABOUT.search(before)) or any(found.clause <= at < found.start for at, _ in ids)


def _status(
    found: Assertion,
    text: str,
    sentence: tuple[int, int],
    ids: Sequence[str],
    evidence: Evidence,
    places: Sequence[tuple[int, str]],
) -> str | None:
    """Status fields: pending, shipped, approved."""
    if found.denied or found.past and found.concept not in EVENTS or found.concept in _FLAGS_ONLY or not _is_about(found, text, sentence, places):
        return None
    states = [s for s in evidence.states if s.record is not None and not s.is_flag and (s.current or found.past)]
    if any(record.own_id in ids for record in evidence.records):
        states = [s for s in states if s.record is not None and s.record.own_id in ids]
    if not states:
        return None
    latest = [s for s in states if s.order == max(s.order for s in states)] if not ids else states
    concepts = {concept_of(s.word) or s.word.lower() for s in latest}
    if None in concepts or any(found.concept == c or found.concept in AGREES.get(c, ()) for c in concepts):
        return None
    if stem(found.concept) in evidence.done:
        return None
    if found.happened and any(s.record is not None and stem(found.concept) in s.record.dated for s in latest):
        return None
    state = latest[-1]
    return f"{state.place} said {state.word}"
