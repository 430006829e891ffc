"""Whether an answer tells of what was done with another value than the call that did it gave: "booked for 11:10" where
the booking is for 10:30, although 11:10 was offered before."""

from __future__ import annotations

from engine.judging.claims.entries import Given, Outcome
from engine.judging.claims.fields import same, told
from engine.judging.claims.given import Answer, meant_sources
from engine.judging.claims.said import Said
from engine.judging.claims.words import stems


def other_outcome(one: Said, answer: Answer) -> str | None:
    """Say what the call gave that the sentence speaks of, where that has another value in the same field."""
    if not answer.evidence.outcomes:
        return None
    begin, stop = one.sentence
    words = {word for word, at in stems(answer.text) if begin <= at < stop}
    for outcome in reversed(answer.evidence.outcomes):
        if outcome.words & words:
            return _other_id(one, answer, outcome) if one.value.kind == "id" else _other_value(one, answer, outcome)
    return None


def _other_value(one: Said, answer: Answer, outcome: Outcome) -> str | None:
    found = meant_sources(one, answer)
    if any(given.order >= outcome.order or not given.is_field or given.source != "result" for given in found):
        return None
    names = {given.name for given in found}
    own = [given for given in _gave(outcome, answer) if given.name in names and given.kind == one.value.kind]
    beside = [
        other.value for other in answer.said if other.sentence == one.sentence and other.value.kind == one.value.kind
    ]
    if not own or any(same(value, given) for value in beside for given in own):
        return None
    return told(own[-1])


def _gave(outcome: Outcome, answer: Answer) -> list[Given]:
    return [given for given in answer.evidence.found if given.order == outcome.order and given.is_field]


def _other_id(one: Said, answer: Answer, outcome: Outcome) -> str | None:
    """Another entry of a list than the one that the call was made with."""
    shapes = {record.shape for record in answer.evidence.records if record.own_id == one.value.key}
    listed = {record.own_id for record in answer.evidence.records if record.shape in shapes and record.own_id}
    used = outcome.arguments & listed
    if not used or one.value.key in outcome.arguments:
        return None
    if any(other.value.key in used for other in answer.said if other.sentence == one.sentence):
        return None
    return f"{outcome.tool} was called with {', '.join(sorted(used)).upper()}"
