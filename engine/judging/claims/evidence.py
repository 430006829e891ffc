"""What a dialogue has given so far: every value of the policy, the tools' descriptions, the user's messages, the calls
that succeeded and what the tools answered, each with the words that stand for it.

A result's JSON is walked: a number belongs to its field and its object, an object is told from its like by what its texts
say. In plain texts lines such as "Due date: 2026-07-15" are fields too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal, TypeVar, cast

from engine.judging.claims.values import Day, Kind, Value, normal_id, values, values_of
from engine.judging.claims.words import of_name, stem, stems
from engine.reading.json_value import loads

T = TypeVar("T")
Source = Literal["policy", "user", "result", "call"]
STATUS_FIELDS = frozenset({"status", "state", "stage", "phase"})
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"[0-2]\d:[0-5]\d(?::[0-5]\d)?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LOOSE_NUMBER = re.compile(r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|-?\d+(?:\.\d+)?")
_LOOSE_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_LOOSE_CLOCK = re.compile(r"(?<!\d)([0-2]?\d):([0-5]\d)")
_LINE = re.compile(r"^[ \t]*[-*]?[ \t]*([A-Za-z][\w /()-]{1,40}):[ \t]+(\S.*)$", re.MULTILINE)
_TODAY = re.compile(r"\btoday(?:'s date)?(?: \(.*?\))? is\b|\bcurrent date\b", re.IGNORECASE)
_COUNTED = re.compile(r"(\d+) (?:tests? )?(failed|failures?|errors?)\b", re.IGNORECASE)
_ID_FIELD = re.compile(r"(?:^|_)(?:id|no|code|sku|number|key|ref|reference)$", re.IGNORECASE)
_IN_PATH = re.compile(r"(?<!\d)20\d\d-(0[1-9]|1[0-2])(?!\d)")
_MONTH_NAMES = "january february march april may june july august september october november december".split()  # noqa: SIM905
_ITEM = re.compile(r"\s*\d+[.)]\s")
"""The number of a list's item."""
_MAY_HOLD_VALUES = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|hundred|noon|midnight)\b", re.I
)
_STOCK = of_name("stock")
_NOUNS = re.compile(r"(?<![\w.,])(\d+) ([a-z]{3,})")
_AROUND, _CLOSE = 120, 30
"""How many characters before and behind a value of a text the words stand that say what it is."""
_LONG = 240
"""Characters beyond which a text is a document, whose numbers are read without the words around them."""


@dataclass(eq=False, slots=True)
class Record:
    """One object of a result. `words` say which it is: stems and ids of its own texts and those of the objects around
    it, and the arguments of the call; `own_id` is what it is named by, "" where nothing does; `dated` are the stems of fields that
    hold a day, such as `shipped`."""

    shape: frozenset[str]
    tool: str
    order: int
    parent: Record | None
    words: set[str] = field(default_factory=set)
    own_id: str = ""
    dated: set[str] = field(default_factory=set)

    @property
    def anchor(self) -> str:
        """What the record is known by through all results: its own id, or that of the object around it."""
        if self.own_id or self.parent is None:
            return self.own_id
        return f"{self.parent.anchor}/" if self.parent.anchor else ""

    def holds(self, other: Record | None) -> bool:
        """Return whether the other is this record or lies in it."""
        while other is not None:
            if other is self:
                return True
            other = other.parent
        return False


@dataclass(eq=False, slots=True)
class Given:
    """One given value. `labels` are the stems that stand for it, in a text those around it and `near` the closest of them; `place` says in a reason who gave it. `is_field` says
    that a field is just this value, `is_count` that a list has so many entries. `current` turns False when a later
    result gives the same field of the same record another value."""

    kind: Kind
    key: Any
    source: Source
    place: str
    labels: frozenset[str]
    order: int
    record: Record | None = None
    name: str = ""
    unit: str = ""
    near: frozenset[str] = frozenset()
    is_count: bool = False
    is_field: bool = False
    current: bool = True


@dataclass(eq=False, slots=True)
class State:
    """A status that a record has: a word of a status field, or the name of a field that is true or false (`holds`)."""

    word: str
    holds: bool
    is_flag: bool
    place: str
    order: int
    record: Record | None
    current: bool = True


class Evidence:
    """Everything that was given up to a point of a dialogue; it only grows."""

    def __init__(self) -> None:
        self.amounts: dict[Decimal, list[Given]] = {}
        self.days: dict[Day, list[Given]] = {}
        self.times: dict[int, list[Given]] = {}
        self.found: list[Given] = []
        self.records: list[Record] = []
        self.states: list[State] = []
        self.done: set[str] = set()
        self.today: date | None = None
        self.failing: tuple[int, str] | None = None
        self.has_documents = False
        self.asked: frozenset[str] = frozenset()
        self._texts: list[str] = []
        self._joined = ""
        self._order = 0
        self._latest: dict[tuple[str, str], list[Given]] = {}
        self.units: dict[str, list[Given]] = {}
        self.fields: dict[str, list[Given]] = {}
        self._made: dict[Callable[[Evidence], Any], tuple[int, Any]] = {}

    # -------------------------------------------------------------- what comes in

    @staticmethod
    def of_rules(policy: str, tools: tuple[tuple[str, str], ...]) -> Evidence:
        """Return the evidence of what holds for a whole dialogue: the policy, and (name, description) of each tool. It
        is read once for all dialogues that share it."""
        return _rules(policy, tools).copy()

    def copy(self) -> Evidence:
        """Return one that grows on its own, as long as nothing but rules was taken in."""
        other = Evidence()
        other.amounts = {key: list(given) for key, given in self.amounts.items()}
        other.days = {key: list(given) for key, given in self.days.items()}
        other.units = {key: list(given) for key, given in self.units.items()}
        other.times = {key: list(given) for key, given in self.times.items()}
        other.found, other.today, other._joined = list(self.found), self.today, self.text
        return other

    def add_policy(self, text: str, place: str = "the policy") -> None:
        """Take in a text that holds for the whole dialogue: the policy, or what is told of a tool."""
        self._order += 1
        self._texts.append(text.lower())
        for given in _of_policy(text, place):
            self._keep(given)
        self.today = self.today or _today_of(text)

    def add_user(self, text: str) -> None:
        self._order += 1
        self._texts.append(text.lower())
        self.asked = frozenset(word for word, _ in stems(text))
        for value, labels, _ in _worded(text):
            self._keep(_from(value, "user", "the user", labels, self._order))

    def add_call(self, name: str, arguments: Mapping[str, Any], writes: bool) -> None:
        """Take in a call that succeeded: what it was called with counts as given, and what it is called was done where
        it `writes`."""
        self._order += 1
        self.done |= of_name(name) if writes else frozenset()
        for key, value in _flat(arguments):
            self._leaf(key, value, None, "call", f"the call of {name}")
            if key in STATUS_FIELDS or (key == "value" and isinstance(value, str) and len(value) < 40):
                self.done |= {stem(word) for word in str(value).split()}

    def add_result(self, name: str, content: str, arguments: Mapping[str, Any]) -> None:
        """Take in what a tool answered, in JSON or as a text."""
        self._order += 1
        self._texts.append(content.lower())
        try:
            value = loads(content)
        except ValueError:
            value = content
        root = Record(frozenset(), name, self._order, None)
        for _, argument in _flat(arguments):
            self._name(root, argument)
        self._walk(name, value, root, name)
        for found in _COUNTED.finditer(content):
            self.failing = (int(found[1]), name)

    # -------------------------------------------------------------- what is asked

    @property
    def text(self) -> str:
        """All that was given, in lower case."""
        if self._texts:
            self._joined = "\n".join([self._joined, *self._texts])
            self._texts = []
        return self._joined

    def once(self, make: Callable[[Evidence], T]) -> T:
        """Return what a function makes of all that was given, made once until more is given."""
        size, made = self._made.get(make, (-1, None))
        if size != len(self.found):
            made = make(self)
            self._made[make] = (len(self.found), made)
        return cast(T, made)

    # -------------------------------------------------------------- inside

    def _keep(self, given: Given) -> None:
        if given.kind == "amount":
            self.amounts.setdefault(abs(given.key), []).append(given)
            if given.unit:
                self.units.setdefault(given.unit, []).append(given)
        elif given.kind == "date":
            self.days.setdefault(given.key, []).append(given)
        elif given.kind == "time":
            for minute in given.key:
                self.times.setdefault(minute, []).append(given)
        if given.is_field and given.source == "result":
            for label in given.labels:
                self.fields.setdefault(label, []).append(given)
        self.found.append(given)

    def _walk(self, key: str, value: Any, record: Record, tool: str) -> None:
        if isinstance(value, dict):
            inner = Record(frozenset(value), tool, self._order, record, set(record.words))
            self.records.append(inner)
            inner.own_id = _own_id(value)
            for name, leaf in value.items():
                if isinstance(leaf, str):
                    self._name(inner, leaf)
                    if _ISO_DAY.match(leaf):
                        inner.dated |= {"-".join(sorted(of_name(name)))}
            self._state_of(value, inner, tool)
            for name, part in value.items():
                self._walk(name, part, inner, tool)
        elif isinstance(value, list):
            labels = of_name(key) | (of_name(tool) if record.parent is None else frozenset())
            self._keep(Given("amount", Decimal(len(value)), "result", tool, labels, self._order, record, key, is_count=True))
            for part in value:
                self._walk(key, part, record, tool)
        else:
            self._leaf(key, value, record, "result", tool)

    def _name(self, record: Record, value: Any) -> None:
        """Note a text as part of what tells the record from others."""
        if not isinstance(value, str) or len(value) > 120:
            return
        if _ISO_DAY.fullmatch(value):
            record.words.add(value[5:])
            return
        token = normal_id(value)
        record.words.add(token)
        if "/" in token:
            record.words.add(token.rpartition("/")[2])
        for month in _IN_PATH.findall(token):
            record.words.add(stem(_MONTH_NAMES[int(month) - 1]))
        if " " in value or token.isalpha():
            record.words |= {word for word, _ in stems(value)}

    def _leaf(self, key: str, value: Any, record: Record | None, source: Source, place: str) -> None:
        labels = of_name(key)
        if isinstance(value, bool):
            if record is not None or source == "call":
                self.states.append(State(key, value, True, place, self._order, record))
        elif isinstance(value, int | float):
            if record is not None and labels == _STOCK:
                self.states.append(State("in stock", value > 0, True, place, self._order, record))
            self._field(Given("amount", _number(value), source, place, labels, self._order, record, key))
        elif isinstance(value, str):
            self._string(key, value, labels, record, source, place)

    def _string(
        self, key: str, value: str, labels: frozenset[str], record: Record | None, source: Source, place: str
    ) -> None:
        if source == "call":
            self._texts.append(value.lower())
        if _ISO_DAY.fullmatch(value):
            if key == "today":
                self.today = _day(value)
            parts = tuple(map(int, value.split("-")))
            self._field(Given("date", parts, source, place, labels, self._order, record, key))
        elif _CLOCK.fullmatch(value):
            hours, minutes = value.split(":")[:2]
            self._field(Given("time", (int(hours) * 60 + int(minutes),), source, place, labels, self._order, record, key))
        elif _NUMBER.fullmatch(value) and len(value) < 16:
            self._field(Given("amount", Decimal(value), source, place, labels, self._order, record, key))
        elif len(value) > _LONG or "\n" in value:
            self._document(value, record, source, place)
        elif _MAY_HOLD_VALUES.search(value):
            words = labels | {word for word, _ in stems(value)}
            self._texts_of(record, key, [_from(v, source, place, words, self._order, record, key) for v in values_of(value)])

    def _field(self, given: Given) -> None:
        """Keep the value of a field, in place of what the same field of the same record was before."""
        given.is_field = True
        self._texts_of(given.record, given.name, [given])

    def _texts_of(self, record: Record | None, name: str, found: Sequence[Given]) -> None:
        """Keep the values of a field, of which a text may hold several."""
        for given in found:
            self._keep(given)
        anchor = record.anchor if record is not None else ""
        if not anchor or not found or found[0].source != "result":
            return
        keys = [given.key for given in found]
        earlier = self._latest.setdefault((anchor, name), [])
        for older in earlier:
            older.current = older.key in keys or older.order == self._order
        earlier += found

    def _document(self, text: str, record: Record | None, source: Source, place: str) -> None:
        self.has_documents = True
        for line in _LINE.finditer(text):
            for found in values_of(line[2][:200]):
                labels = of_name(line[1])
                given = _from(found, source, place, labels, self._order, record, line[1])
                given.is_field = True
                self._keep(given)
        for number, noun in _NOUNS.findall(text[-2000:]):
            unit = stem(noun)
            self._keep(Given("amount", Decimal(number), source, place, frozenset({unit}), self._order, unit=unit))
        for number in set(_LOOSE_NUMBER.findall(text)):
            self._loose("amount", abs(_number(number.replace(",", ""))), source, place)
        for parts in set(_LOOSE_DAY.findall(text)):
            self._loose("date", tuple(map(int, parts)), source, place)
        for hours, minutes in set(_LOOSE_CLOCK.findall(text)):
            self._loose("time", (int(hours) * 60 + int(minutes),), source, place)
        if len(text) < 4000:
            for found in values_of(text):
                if found.kind in ("date", "time") or found.words:
                    self._keep(_from(found, source, place, frozenset(), self._order, None, ""))

    def _loose(self, kind: Kind, key: Any, source: Source, place: str) -> None:
        self._keep(Given(kind, key, source, place, frozenset(), self._order))

    def _state_of(self, value: Mapping[str, Any], record: Record, tool: str) -> None:
        word = next((value[name] for name in STATUS_FIELDS if isinstance(value.get(name), str)), None)
        if word is None and value.get("column") in STATUS_FIELDS and isinstance(value.get("after"), str):
            word = value["after"]
        if word is not None:
            for older in self.states:
                if not older.is_flag and older.record is not None and record.own_id == older.record.own_id != "":
                    older.current = older.order == self._order
            self.states.append(State(word, True, False, tool, self._order, record))


def _own_id(value: Mapping[str, Any]) -> str:
    """Return what an object is named by: its first field whose name says so, "" where none does."""
    named = (normal_id(str(leaf)) for key, leaf in value.items() if _ID_FIELD.search(key) and isinstance(leaf, str))
    return next((name for name in named if " " not in name), "")


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flat(part, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from _flat(part, key)
    else:
        yield key, value


def _from(
    value: Value,
    source: Source,
    place: str,
    labels: frozenset[str] | set[str],
    order: int,
    record: Record | None = None,
    name: str = "",
) -> Given:
    return Given(value.kind, value.key, source, place, frozenset(labels), order, record, name, value.unit)


@lru_cache(maxsize=64)
def _rules(policy: str, tools: tuple[tuple[str, str], ...]) -> Evidence:
    evidence = Evidence()
    for name, description in tools:
        evidence.add_policy(description, f"the description of {name}")
    if policy:
        evidence.add_policy(policy)
    return evidence


@lru_cache(maxsize=256)
def _of_policy(text: str, place: str) -> tuple[Given, ...]:
    found = []
    for value, labels, near in _worded(text):
        given = _from(value, "policy", place, labels, 0)
        given.near = near
        found.append(given)
    return tuple(found)


def _worded(text: str) -> Iterator[tuple[Value, frozenset[str], frozenset[str]]]:
    """Yield each value of a text with the stems of the words around it, and of those close by."""
    around = stems(text)
    for value in values(text):
        if _ITEM.match(text, text.rfind("\n", 0, value.start) + 1, value.end + 2):
            continue
        wide, close = (
            frozenset(word for word, at in around if -size <= at - value.start and at - value.end <= size)
            for size in (_AROUND, _CLOSE)
        )
        yield value, wide, close


@lru_cache(maxsize=256)
def _today_of(text: str) -> date | None:
    found = _TODAY.search(text)
    if not found:
        return None
    for value in values_of(text[found.end() : found.end() + 60]):
        if value.kind == "date" and None not in value.key:
            return date(*value.key)
    return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _number(value: int | float | str) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")
