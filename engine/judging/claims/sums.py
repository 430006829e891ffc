"""Which amounts follow from given ones: sums, differences, products, shares, averages.

What may be combined is bounded, since among many numbers every number is the sum of some: two values of one record or
of one field, or one that the answer itself states with any other; a whole column; a value as often as a count says.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations, pairwise

from engine.judging.claims.entries import Given
from engine.judging.claims.evidence import Evidence
from engine.judging.claims.said import Said
from engine.judging.claims.value import TIME_UNITS, Value

_TOLD, _CROSSED = 30, 12
"""How many amounts around one are combined with each other, and with all given ones."""
_COLUMN, _RECORD, _PAIRS = 60, 12, 12
"""How long a column is summed up, and how many fields of a record and values of a column are combined in pairs."""
_GIVEN = 400
_IMPLIED = {
    "month": (3, 6, 12),
    "quarter": (4,),
    "week": (7, 52),
    "year": (4, 12, 52),
    "pair": (2,),
    "half": (2,),
    "twice": (2,),
    "double": (2,),
    "both": (2,),
    "average": (2, 3),
}
"""By what the words of a sentence multiply or divide: a month is the twelfth of a year."""
_COMPARES = re.compile(r"\b(?:more|less|extra|difference|cheaper|dearer|higher|lower|sav\w+|than)\b", re.IGNORECASE)
_ROUGH_SHARE = re.compile(
    r"\b(?:about|around|roughly|nearly|almost|approximately|over|under|used|left)\b", re.IGNORECASE
)
_EACH = re.compile(r"\b(?:per|each|apiece|every|average)\b")
_HALF, _ROUGHLY = Decimal("0.5"), Decimal("0.06")


def amount_follows(said: Said, all_said: Sequence[Said], text: str, evidence: Evidence) -> bool:
    """Return whether an amount follows from given ones. Lengths of time are in intervals.py too."""
    value = said.value
    stated = _around(said, all_said, _TOLD)
    sentence = text[said.sentence[0] : said.sentence[1]]
    if value.unit == "%":
        return _is_share(value, stated, evidence, bool(_ROUGH_SHARE.search(sentence)))
    if value.unit == "money" and _COMPARES.search(sentence) and _within(value, evidence.once(_apart)):
        return True
    if _within(value, evidence.once(_small if _is_little(value) else _large)):
        return True
    told = [one.key for one in stated]
    low, high = _bounds(value)
    if any(low <= abs(number) <= high for number in _of_pairs(told)):
        return True
    if _is_little(value):
        return any(other and value.key * other in evidence.amounts for other in told)
    return any(low <= abs(number) <= high for number in _crossed(said, all_said, text, evidence))


def is_explained(said: Said, all_said: Sequence[Said], evidence: Evidence) -> bool:
    """Return whether the answer itself states what an amount follows from: both terms, or how often one counts."""
    told = [value.key for value in _around(said, all_said, _TOLD)]
    fields = evidence.once(_fields)
    numbers = [*_of_pairs(told), *_products(fields, {key for key in told if _counts(key)})]
    return any(matches(said.value, number) for number in numbers)


def matches(value: Value, number: Decimal) -> bool:
    """Return whether a stated amount is this number, up to the rounding that it says or shows."""
    low, high = _bounds(value)
    return low <= abs(number) <= high


def _bounds(value: Value) -> tuple[Decimal, Decimal]:
    """Return between what a number lies that may be stated so: what is called rounded may be further off."""
    stated = abs(value.key)
    if value.near:
        return stated / (1 + _ROUGHLY), stated / (1 - _ROUGHLY)
    exponent = stated.as_tuple().exponent
    off = Decimal(10) ** exponent * _HALF if isinstance(exponent, int) and exponent < 0 else Decimal(0)
    return stated - off, stated + off


def _within(value: Value, numbers: Sequence[Decimal]) -> bool:
    """Return whether one of some numbers, in order, may be stated so."""
    low, high = _bounds(value)
    place = bisect_left(numbers, low)
    return place < len(numbers) and numbers[place] <= high


def _is_little(value: Value) -> bool:
    return value.unit != "money" and value.key == value.key.to_integral_value() and abs(value.key) <= 12


def _counts(key: Decimal) -> bool:
    return key == key.to_integral_value() and 1 < key <= 100


def _around(said: Said, all_said: Sequence[Said], most: int) -> list[Value]:
    """Return the other amounts of an answer, at most so many: those around this one."""
    amounts = [one.value for one in all_said if one.value.kind == "amount"]
    place = next(number for number, value in enumerate(amounts) if value is said.value)
    first = max(0, place - most // 2)
    return [value for value in amounts[first : first + most] if value is not said.value]


def _of_pairs(told: Sequence[Decimal]) -> Iterator[Decimal]:
    for one, other in combinations(told, 2):
        yield one + other
        yield one - other
        yield one * other
        if one and other:
            yield one / other
            yield other / one


def _crossed(said: Said, all_said: Sequence[Said], text: str, evidence: Evidence) -> Iterator[Decimal]:
    """Yield what the amounts around one make with the given ones."""
    stated = _around(said, all_said, _CROSSED)
    given = evidence.once(_givens)
    for key in (value.key for value in stated if value.key in evidence.amounts):
        for other in given:
            yield key + other
            yield key - other
    sentence = text[said.sentence[0] : said.sentence[1]].lower()
    counts = {Decimal(n) for word, times in _IMPLIED.items() if word in sentence for n in times}
    told = [value.key for value in stated if value.unit != "%"]
    often = {value.key for value in stated if _counts(value.key)}
    yield from _products(evidence.once(_rates), often)
    counts |= often
    if _EACH.search(sentence):
        counts |= {given.key for given in evidence.found if given.is_count and _counts(given.key)}
    yield from _products([*evidence.once(_fields), *told], counts)
    for share in (value.key / 100 for value in stated if value.unit == "%"):
        for key in (*given, *told):
            yield from (key * share, key * (1 - share), key * (1 + share))
    yield from _by_rule(said, stated, evidence)


def _products(given: Iterable[Decimal], counts: set[Decimal]) -> Iterator[Decimal]:
    """Yield given amounts as often as a count says, and their parts."""
    for key in given:
        for count in counts:
            yield key * count
            yield key / count


def _by_rule(said: Said, stated: Sequence[Value], evidence: Evidence) -> Iterator[Decimal]:
    """Yield what a rule of the policy makes of an amount: 600 points where 100 points are worth 5.00."""
    rules = [given for given in evidence.found if given.source == "policy" and given.kind == "amount" and given.key]
    for one, other in pairwise(rules):
        for value in stated:
            if one.unit and one.unit == value.unit:
                yield value.key * other.key / one.key
            elif value.unit == "money" and one.unit == said.value.unit != "":
                yield value.key * one.key / other.key


# ---------------------------------------------------------------- what the given numbers make among themselves


def _numbers(evidence: Evidence) -> list[Given]:
    return [given for given in evidence.found if given.kind == "amount" and not given.is_count]


def _fields(evidence: Evidence) -> list[Decimal]:
    found = (given.key for given in _numbers(evidence) if given.source == "result" and given.is_field)
    return list(dict.fromkeys(found))[:_GIVEN]


def _rates(evidence: Evidence) -> list[Decimal]:
    """Return the amounts of money that the policy names."""
    found = (given.key for given in _numbers(evidence) if given.source == "policy" and given.unit == "money")
    return list(dict.fromkeys(found))[:_COLUMN]


def _apart(evidence: Evidence) -> list[Decimal]:
    """Return how far amounts lie apart: those of the policy, and those of a field that several tools gave."""
    columns: dict[str, set[Decimal]] = {}
    for given in _numbers(evidence):
        if given.source == "result" and given.is_field:
            columns.setdefault(given.name, set()).add(given.key)
    groups = [set(evidence.once(_rates)), *columns.values()]
    pairs = (pair for group in groups if len(group) <= _PAIRS for pair in combinations(group, 2))
    return sorted(abs(one - other) for one, other in pairs)


def _givens(evidence: Evidence) -> list[Decimal]:
    found = [
        given.key for given in _numbers(evidence) if (given.source != "policy" and given.name) or given.source == "user"
    ]
    rules = [g.key for g in _numbers(evidence) if g.source == "policy" and g.unit not in TIME_UNITS]
    return list(dict.fromkeys([*found[:_GIVEN], *rules]))


def _small(evidence: Evidence) -> list[Decimal]:
    return sorted({abs(number) for number in _of_results(evidence, averages=False)})


def _large(evidence: Evidence) -> list[Decimal]:
    return sorted({abs(number) for number in _of_results(evidence, averages=True)})


def _of_results(evidence: Evidence, averages: bool) -> Iterator[Decimal]:
    """Yield sums and differences within one record and within one field, and what a whole column gives."""
    records: dict[int, list[Decimal]] = {}
    columns: dict[tuple[str, str], list[Given]] = {}
    for given in _numbers(evidence):
        if given.source == "result" and given.name and given.record is not None:
            records.setdefault(id(given.record), []).append(given.key)
            columns.setdefault((given.name, given.place), []).append(given)
    for keys in list(records.values())[:_GIVEN]:
        yield from _of_fields(keys[:_RECORD])
    for column in columns.values():
        latest = max(given.order for given in column)
        for keys in ([given.key for given in column], [given.key for given in column if given.order == latest]):
            yield from _of_column(keys, averages)


def _of_fields(keys: Sequence[Decimal]) -> Iterator[Decimal]:
    for one, other in combinations(keys, 2):
        yield one + other
        yield one - other
    for three in combinations(keys[:8], 3):
        yield sum(three, Decimal(0))
        yield three[0] + three[1] - three[2]
        yield three[0] - three[1] - three[2]


def _of_column(keys: Sequence[Decimal], averages: bool) -> Iterator[Decimal]:
    if 1 < len(keys) <= _COLUMN:
        yield (total := sum(keys, Decimal(0)))
        if averages:
            yield total / len(keys)
    if len(keys) <= _PAIRS:
        for one, other in combinations(keys, 2):
            yield one + other
            yield one - other
    for size in range(3, min(len(keys), 5)) if len(keys) <= 8 else ():
        yield from (sum(some, Decimal(0)) for some in combinations(keys, size))


# ---------------------------------------------------------------- percentages


def _is_share(value: Value, stated: Sequence[Value], evidence: Evidence, is_rough: bool) -> bool:
    """Return whether one stated number is so many percent of another, or a given one of another in one record or field;
    of those a rounded one only where the sentence says that it is rough, since many numbers make many shares."""
    told = [one.key for one in stated if one.key and one.unit != "%"]
    if any(matches(value, share) for share in _shares([told])) or _within(value, evidence.once(_given_shares)):
        return True
    whole = value.key == value.key.to_integral_value()
    if whole and is_rough:
        place = bisect_left(shares := evidence.once(_given_shares), abs(value.key) - _HALF)
        if place < len(shares) and shares[place] <= abs(value.key) + _HALF:
            return True
    large = [key for key in told if abs(key) > 12]
    return whole and any(abs(abs(value.key) - abs(share)) < _HALF for share in _shares([large]))


def _shares(groups: Iterable[Sequence[Decimal]]) -> Iterator[Decimal]:
    """Yield how many percent one number of a group is of another, and by how many it is more."""
    for keys in groups:
        for one, other in combinations(keys, 2):
            for part, whole in ((one, other), (other, one)):
                yield part / whole * 100
                yield (part - whole) / whole * 100


def _given_shares(evidence: Evidence) -> list[Decimal]:
    """Return percentages of fields of one record and of one field, and of given fractions."""
    groups: dict[object, list[Decimal]] = {}
    for given in _numbers(evidence):
        if given.source == "result" and given.name and given.key:
            groups.setdefault(given.name, []).append(given.key)
            groups.setdefault(id(given.record), []).append(given.key)
    found = {abs(share) for share in _shares(keys for keys in groups.values() if len(keys) <= _PAIRS)}
    fractions = [key for key in evidence.amounts if 0 < key < 1]
    return sorted(found | {key * 100 for key in fractions} | {100 - key * 100 for key in fractions})
