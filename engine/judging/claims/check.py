"""Whether what an answer states was given: its claims that nobody gave, or that an earlier result contradicts.

A claim is certain where code can tell; the others only warn. Read said.py for how an answer is taken apart, and
evidence.py for what counts as given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date

from engine.judging.claims.evidence import Evidence
from engine.judging.claims.fields import counted, named_field, other_field, other_number, same, told
from engine.judging.claims.given import Answer, answer_of, head_noun, is_given, is_small
from engine.judging.claims.intervals import day_follows, length_follows, time_follows
from engine.judging.claims.names import unknown_names
from engine.judging.claims.outcomes import other_outcome
from engine.judging.claims.records import other_record
from engine.judging.claims.said import Said, taken_apart
from engine.judging.claims.states import wrong_states
from engine.judging.claims.sums import amount_follows, is_explained
from engine.judging.claims.value import TIME_UNITS, Value, agrees, is_day
from engine.judging.claims.words import is_english, of_name, stem, words_of

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DERIVED = re.compile(
    r"\b(?:together|total|sum|in all|altogether|overall|combined|both|each|apiece|per|"
    r"an? (?:year|month|week|day|quarter|piece|visit)|difference|more|less|fewer|"
    r"(?:long|short|high|low|cheap|dear|larg|small|great|lat|soon|wid|bigg|old|young|earli|heavi)er|sooner|than|minus|"
    r"plus|average|mean|short|over|under|above|below|before|so|makes?|twice|double|pair|half|ahead|behind|up|down|rest|"
    r"extra|missing|saves?|increased?|rose|fell|dropped|percent|against|about|almost|nearly|roughly|around|every|times|"
    r"enough|worth|of which|will be|would|once|after|leaves?|leaving|left|remaining|then|new)\b|['’]ll\b|[×+=%]",
    re.IGNORECASE,
)
"""Words that tell of a sum, a difference or a share."""
_HYPOTHETICAL = re.compile(r"\b(?:would|could|if|might|say)\b", re.IGNORECASE)
_IF_SO_MANY = re.compile(r"(?:\s+\w+){0,2}\s+(?:would|could|might)\b")
"""Behind a number that an answer takes as an example: "600 points would give you 30.00"."""
_LATER = re.compile(r"\b(?:will|would|after|afterwards|then|once)\b|['’](?:ll|d)\b", re.IGNORECASE)
"""Words that tell of what will be, which no field of a result has yet."""
_OTHERS = re.compile(r"\s+(?:other|more|further|additional|of)\b", re.IGNORECASE)
_MOST_TEXT = 20_000
"""Characters of an answer that are read."""
_ALIKE = 6
"""Letters that two forms of a noun share: orthopedist, orthopedics."""
_ANYTHING = frozenset(
    map(stem, words_of("thing detail step option way question reason choice note part moment time example point"))
)
"""Nouns that count what an answer itself lists."""
_PATIENCE = re.compile(r"\b(?:give me|bear with me|wait|hold on|allow me|(?:I|I'll|we|we'll) need)\b", re.IGNORECASE)
_NEARBY = 40
_WHOLLY = re.compile(r"\s(?:of|sure|certain|free|yours|correct|right|safe|committed)\b", re.IGNORECASE)
_POINTING = re.compile(r"\b(?:the|these|those|both|other|last|first|next)\s+$", re.IGNORECASE)
_CONTRADICTIONS = (other_number, other_record, other_field, other_outcome)
"""Each says in a sentence what the tools gave instead, or None."""
_NOBODY = "no tool, user or policy gave this"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an answer states and nobody gave, or an earlier result contradicts: the words, why they do not hold, and
    their place in the text, in characters. What is not certain is a warning."""

    quote: str
    why: str
    start: int
    end: int
    certain: bool = True

    @property
    def reason(self) -> str:
        """The claim in one sentence, without a full stop."""
        return f'the answer says "{self.quote}"; {self.why}'


def wrong_claims(text: str, evidence: Evidence) -> list[Claim]:
    """Return the claims of an answer that do not hold, in the order of their places. Nothing is certain of a text in
    another language than English; of a very long one the first part is read."""
    text = text[:_MOST_TEXT]
    said = taken_apart(text)
    answer = answer_of(text, said, evidence)
    found = [claim for one in said if (claim := _wrong(one, answer)) is not None]
    found += [Claim(*wrong) for wrong in wrong_states(text, said, evidence)]
    for name, start in unknown_names(text, evidence):
        found.append(Claim(name, f"{_NOBODY} name", start, start + len(name), certain=False))
    if not is_english(text):
        found = [replace(claim, certain=False) for claim in found]
    return sorted(found, key=lambda claim: claim.start)


def _wrong(one: Said, answer: Answer) -> Claim | None:
    value = one.value
    if one.example or _says_nothing(value, answer.text):
        return None
    odd = _odd_weekday(value, answer.evidence) if value.kind == "date" else None
    if odd is not None:
        return _claim(one, odd)
    if not is_given(one, answer):
        return _not_given(one, answer)
    if value.kind == "amount" and _LATER.search(answer.text, *one.sentence) and _follows(one, answer):
        return None
    contradicted = next((told for rule in _CONTRADICTIONS if (told := rule(one, answer)) is not None), None)
    return _claim(one, contradicted) if contradicted else None


def _follows(one: Said, answer: Answer) -> bool:
    return amount_follows(one, answer.said, answer.text, answer.evidence)


def _claim(one: Said, why: str, certain: bool = True) -> Claim:
    value = one.value
    return Claim(value.text, why, value.start, value.end, certain and not one.asked)


def _not_given(one: Said, answer: Answer) -> Claim | None:
    """Return the claim of a value that nobody gave as it is, unless it follows from what was given."""
    value = one.value
    if value.unit in TIME_UNITS and length_follows(one, answer.said, answer.text, answer.evidence):
        return None
    if value.kind == "amount" and _follows(one, answer):
        if _DERIVED.search(answer.text, *one.sentence) or is_explained(one, answer.said, answer.evidence):
            return None
        best = named_field(one, answer) or counted(one, answer)
        return _claim(one, told(best)) if best is not None and not same(value, best) else None
    if value.kind == "date" and day_follows(one, answer.said, answer.text, answer.words, answer.evidence):
        return None
    if value.kind == "time" and time_follows(one, answer.said):
        return None
    best = named_field(one, answer)
    kind = "number" if value.kind == "amount" and value.unit != "money" else value.kind
    why = f"{_NOBODY} {kind}; {told(best)}" if best is not None else f"{_NOBODY} {kind}"
    certain = not is_small(value) or value.unit in TIME_UNITS or _is_no_count(one, answer)
    if _IF_SO_MANY.match(answer.text, value.end):
        certain = False
    if value.unit == "%" and value.key == 100 and _WHOLLY.match(answer.text, value.end):
        certain = False
    return _claim(one, why, certain)


def _says_nothing(value: Value, text: str) -> bool:
    """Whether a number is no claim: "one", the number of a list's item, "a four-digit code", "the two"."""
    if value.kind != "amount":
        return False
    if value.unit == "digit" or value.key in (0, 1):
        return True
    if value.unit in ("second", "minut") and _PATIENCE.search(text, max(0, value.start - _NEARBY), value.start):
        return True
    if is_small(value) and _POINTING.search(text, max(0, value.start - _NEARBY), value.start):
        return True
    line = text.rfind("\n", 0, value.start) + 1
    return not text[line : value.start].strip(" *#-") and bool(re.match(r"[.)]\s", text[value.end :]))


def _is_no_count(one: Said, answer: Answer) -> bool:
    """Whether a small number that nobody gave cannot be a count of what the tools listed either: a field or a list has
    its noun and another size, or there are more than in any list."""
    if _HYPOTHETICAL.search(answer.text, *one.sentence):
        return False
    noun = head_noun(one)
    if answer.text[one.value.end : one.value.end + 1] == "-":
        return False
    sizes = [given for given in answer.evidence.found if given.source == "result" and (given.is_count or given.unit)]
    longest = max((given.key for given in sizes if given.is_count), default=0)
    listed = noun not in _ANYTHING and any(word[:_ALIKE] == noun[:_ALIKE] for word in answer.evidence.once(_nouns))
    if noun and listed and not answer.evidence.has_documents and 0 < longest < one.value.key:
        return True
    if _OTHERS.match(answer.text, one.value.end):
        return False
    if named_field(one, answer) is not None or counted(one, answer) is not None:
        return True
    return any(noun in given.labels for given in sizes if given.is_count)


def _nouns(evidence: Evidence) -> frozenset[str]:
    """Return the stems of what the tools and the user speak of."""
    fields = {word for given in evidence.found if given.source in ("result", "call") for word in given.labels}
    names = {word for record in evidence.records for name in (*record.shape, record.tool) for word in of_name(name)}
    return evidence.asked | fields | names


def _odd_weekday(value: Value, evidence: Evidence) -> str | None:
    """Say that the day of the week does not belong to the date, where the year is known."""
    year, month, day = value.key
    if value.weekday is None or month is None or day is None:
        return None
    years = {year} if year else {known[0] for known in evidence.days if agrees(value.key, known)}
    days = [date(number, month, day) for number in years if number and is_day((number, month, day))]
    if not days or any(one.weekday() == value.weekday for one in days):
        return None
    return f"{days[0].isoformat()} is a {_WEEKDAYS[days[0].weekday()]}"
