"""Whether a value is of another record than the one that the sentence names, or of an earlier time.

A sentence may name several records and give a value of each: then the first value belongs to the first, and so on, in
whichever order name and value stand. It is wrong where it names records and none has the value, and where the values
are those of the named records in another order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.judging.claims.entries import Given, Record
from engine.judging.claims.evidence import Evidence
from engine.judging.claims.fields import told
from engine.judging.claims.given import Answer, is_small, meant_sources
from engine.judging.claims.said import Said
from engine.judging.claims.words import of_name, stems

_BEFORE = re.compile(
    r"\b(?:was|were|had|before|instead of|rather than|from|previously|old|earlier|up from|down from|against|no longer|"
    r"used to|until now|so far)\b",
    re.IGNORECASE,
)
_CONTRASTED = re.compile(
    r"\b(?:instead of|rather than|not|before|previously|earlier than|later than|against|than|over|under|like|as with|"
    r"unlike|(?:up|down|moved|changed|switched|different) from)\W+(?:the\W+)?(?:€|\$|£|EUR\W)?$",
    re.IGNORECASE,
)
_MOST_RIVALS = 200
"""In a longer list names are not looked for."""
_NAMES = re.compile(r"(?:^|_)(?:name|product|title|label|item|model|subject|description|customer|category|option)s?$")
"""Fields whose text is what a record is called, so that a number in it is no value of the record."""


def other_record(one: Said, answer: Answer) -> str | None:
    """Say whose value it is, where the sentence names other records of the kind."""
    if _CONTRASTED.search(answer.text, one.sentence[0], one.value.start):
        return None
    holders = _holders(one, answer)
    if not holders:
        return _earlier(one, answer)
    rivals = _rivals(holders, answer.evidence)
    if not 1 < len({record.own_id or id(record) for record in rivals}) <= _MOST_RIVALS:
        return None
    repeated = _mentions(one, answer, rivals, _own_words(one, answer))
    mentions = _each_once(repeated)
    group = _beside(one, answer, rivals)
    if any(_share(mention, holders) for mention in mentions):
        if not all(_is_misplaced(one, group, order) for order in (mentions, _each_once(repeated[::-1])[::-1])):
            return None
    elif all(any(other is not one and _share(mention, held) for other, held in group) for mention in mentions):
        return None
    other = holders[0]
    if one.value.kind == "id":
        return f"the sentence speaks of another entry of what {other.tool} gave"
    return f"that belongs to {other.own_id.upper() or 'another entry'} in what {other.tool} gave"


def _holders(one: Said, answer: Answer) -> list[Record]:
    """Return the records that hold the value; none where anything else gave it."""
    value = one.value
    if value.kind == "id":
        owners = [record for record in answer.evidence.records if record.own_id == value.key]
        given = answer.evidence.ids.get(value.key, ())
        return owners or [g.record for g in given if g.is_field and g.source == "result" and g.record is not None]
    found = meant_sources(one, answer)
    if any(given.is_field and given.source == "result" for given in found):
        found = [given for given in found if given.is_field or given.source in ("user", "policy")]
    if any(given.record is None or given.source != "result" or not given.record.shape for given in found):
        return []
    if any(not given.is_field and _NAMES.search(given.name) for given in found):
        return []
    if is_small(value) and not any(given.labels & set(one.labels) for given in found):
        return []
    stale_allowed = bool(_BEFORE.search(answer.text, one.sentence[0], value.end))
    return [given.record for given in found if given.record is not None and (given.current or stale_allowed)]


def _holders_of_any(one: Said, answer: Answer) -> list[Record]:
    """Return the records that hold a value, also where something else gave it too."""
    found = [given for given in meant_sources(one, answer) if given.source == "result"]
    return [given.record for given in found if given.record is not None and given.record.shape]


def _rivals(holders: Sequence[Record], evidence: Evidence) -> list[Record]:
    """Return the records of the same kind."""
    shapes = {record.shape for record in holders if record.shape}
    return [record for record in evidence.records if record.shape in shapes]


def _own_words(one: Said, answer: Answer) -> set[str]:
    """Return the words of a text that holds the value as a part, such as a street: they name no record."""
    if one.value.kind == "id":
        return set()
    return {word for given in meant_sources(one, answer) if not given.is_field for word in given.labels}


def _mentions(one: Said, answer: Answer, rivals: Sequence[Record], passed_over: set[str]) -> list[list[Record]]:
    """Return the records that the sentence names, in its order, each as often as it does. Words that stand side by side
    name one together; a word that all or none of the rivals have names none, and a common noun only where one record
    alone has it."""
    mentions: list[list[Record]] = []
    fields = {word for shape in {record.shape for record in rivals} for name in shape for word in of_name(name)}
    for word, _, is_name in _words(one, answer):
        if word in passed_over or (not is_name and word in fields):
            continue
        having = [record for record in rivals if word in record.words]
        if not having or len(having) == len(rivals):
            continue
        if not is_name and len({record.own_id or id(record) for record in having}) > 1:
            continue
        both = [record for record in mentions[-1] if record in having] if mentions else []
        if both:
            mentions[-1] = both
        else:
            mentions.append(having)
    return mentions


def _each_once(mentions: Sequence[list[Record]]) -> list[list[Record]]:
    """Return the mentions without the later ones of the same record.

    Where a record is named again ("B is longer: 17 lines in A, 32 in B"), either mention may be that of its value, so
    `other_record` looks at the first mentions and, backwards, at the last ones.
    """
    return [m for number, m in enumerate(mentions) if not any(_share(m, other) for other in mentions[:number])]


def _words(one: Said, answer: Answer) -> list[tuple[str, int, bool]]:
    """Return the words, ids and days of the sentence but for the value itself, as records hold them, in order; with
    whether each is a name."""
    begin, stop = one.sentence
    words = [(word, at) for word, at in stems(answer.text) if begin <= at < stop]
    found = [(word, at, answer.text[at].isupper()) for word, at in words]
    inside: list[tuple[int, int]] = []
    for other in answer.said:
        value = other.value
        if other.sentence != one.sentence:
            continue
        if value.kind in ("id", "date", "time") or other is one:
            inside.append((value.start, value.end))
        if other is one or value.kind == one.value.kind == "id":
            continue
        if value.kind == "id":
            found.append((value.key, value.start, True))
        elif value.kind == "date" and value.key[1] and value.key[2] and one.value.kind not in ("date", "id"):
            found.append((f"{value.key[1]:02d}-{value.key[2]:02d}", value.start, True))
    named = {word for word, at, _ in found}
    return sorted(
        (
            entry
            for entry in found
            if entry[0] in named and (not entry[0].isalpha() or not any(a <= entry[1] < b for a, b in inside))
        ),
        key=lambda entry: entry[1],
    )


def _share(some: Sequence[Record], others: Sequence[Record]) -> bool:
    return any(one is other or one.holds(other) or other.holds(one) for one in some for other in others)


def _beside(one: Said, answer: Answer, rivals: Sequence[Record]) -> list[tuple[Said, list[Record]]]:
    """Return the values of the sentence that are of the same field, each with the records that hold it."""
    names = {given.name for given in meant_sources(one, answer)}
    found = []
    for other in answer.said:
        if other.sentence != one.sentence or other.value.kind != one.value.kind:
            continue
        if one.value.kind != "id" and not names & {given.name for given in meant_sources(other, answer)}:
            continue
        held = _holders(other, answer) if one.value.kind == "id" else _holders_of_any(other, answer)
        if held and all(record in rivals for record in held):
            found.append((other, held))
    return found


def _is_misplaced(one: Said, group: Sequence[tuple[Said, list[Record]]], mentions: Sequence[list[Record]]) -> bool:
    """Whether the sentence names as many records as it gives values, and another one in the place of this value."""
    if len(group) != len(mentions) or len(group) < 2:
        return False
    place = next((number for number, (other, _) in enumerate(group) if other is one), None)
    return place is not None and not _share(mentions[place], group[place][1])


def _earlier(one: Said, answer: Answer) -> str | None:
    """Say what a field is now, where only what it was before has the value and the answer does not speak of before."""
    found = meant_sources(one, answer)
    if not found or any(given.current or given.source != "result" for given in found):
        return None
    if _BEFORE.search(answer.text, one.sentence[0], one.value.end):
        return None
    now = _now(found[-1], answer.evidence)
    return f"that was before: {told(now)}" if now is not None else None


def _now(older: Given, evidence: Evidence) -> Given | None:
    anchor = older.record.anchor if older.record is not None else ""
    later = [
        given
        for given in evidence.found
        if given.current and given.name == older.name and given.record is not None and given.record.anchor == anchor
    ]
    return later[-1] if later else None
