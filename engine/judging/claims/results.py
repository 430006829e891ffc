"""What a call and its result give. A result's JSON is walked: a number belongs to its field and its object. A long text
is a document: its numbers count without the words around them, and lines such as "Due date: 2026-07-15" are fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from engine.judging.claims.dates import month_name
from engine.judging.claims.entries import Given, Record, Source, State
from engine.judging.claims.ids import normal_id
from engine.judging.claims.value import Kind
from engine.judging.claims.values import values_of
from engine.judging.claims.words import of_name, stem, stems

STATUS_FIELDS = frozenset({"status", "state", "stage", "phase"})
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"[0-2]\d:[0-5]\d(?::[0-5]\d)?")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")
_MAY_HOLD_VALUES = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|hundred|noon|midnight)\b",
    re.IGNORECASE,
)
_ID_FIELD = re.compile(r"(?:^|_)(?:id|no|code|sku|number|key|ref|reference)$", re.IGNORECASE)
_LOOKS_LIKE_AN_ID = re.compile(r"(?=.{0,30}\d)(?=.{0,30}[a-z])[a-z0-9]+(?:[-_][a-z0-9]+){0,4}", re.IGNORECASE)
_NO_NAME = re.compile(
    r"^(?:status|state|stage|phase|kind|reason|method|tier|priority|mode|format|unit|currency|day|refusal|error)$|"
    r"(?:^|_)(?:notes?|comments?|message|label|day|to|by|within)$",
    re.IGNORECASE,
)
"""Fields whose words many sentences have, so that they name no record."""
_IN_PATH = re.compile(r"(?<!\d)20\d\d-(0[1-9]|1[0-2])(?!\d)")
_STOCK = of_name("stock")
_LONG, _NAME = 240, 120
"""Characters beyond which a text is a document, and beyond which it names no record."""

_LINE = re.compile(r"^[ \t]*[-*]?[ \t]*([A-Za-z][\w /()-]{1,40}):[ \t]+(\S.*)$", re.MULTILINE)
_LOOSE_NUMBER = re.compile(r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|-?\d{1,30}(?:\.\d{1,30})?")
_LOOSE_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_LOOSE_CLOCK = re.compile(r"(?<!\d)([0-2]?\d):([0-5]\d)")
_COUNTED_NOUN = re.compile(r"(?<![\w.,])(\d{1,15}) ([a-z]{3,})")
_COUNTS_STAND_IN, _READ_CLOSELY = 2000, 4000
"""Characters at the end of a document in which counts are looked for, and up to which it is read for dates in words."""


class Walk:
    """Walks one call and its result and hands on what they give: each value to `keep`, each record and state to its
    list. `order` counts what was given in the dialogue."""

    def __init__(
        self, keep: Callable[[list[Given]], None], records: list[Record], states: list[State], order: int
    ) -> None:
        self._keep, self._records, self._states, self._order = keep, records, states, order
        self.has_documents = False

    def arguments(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Walk what a call was made with."""
        for key, value in flat(arguments):
            self._leaf(key, value, None, "call", f"the call of {name}")

    def result(self, name: str, value: Any, arguments: Mapping[str, Any]) -> None:
        """Walk what a tool answered, as JSON or as a text; the arguments say what it is about."""
        root = Record(frozenset(), name, self._order, None)
        for _, argument in flat(arguments):
            _name(root, argument)
        self._value(name, value, root, name)

    def _value(self, key: str, value: Any, record: Record, tool: str) -> None:
        if isinstance(value, dict):
            self._object(value, record, tool)
        elif isinstance(value, list):
            labels = of_name(key) | (of_name(tool) if record.parent is None else frozenset())
            size = Given("amount", Decimal(len(value)), "result", tool, labels, self._order, record, key)
            size.is_count = True
            self._keep([size])
            for part in value:
                self._value(key, part, record, tool)
        else:
            self._leaf(key, value, record, "result", tool)

    def _object(self, value: Mapping[str, Any], around: Record, tool: str) -> None:
        record = Record(frozenset(value), tool, self._order, around, set(around.words), _own_id(value))
        self._records.append(record)
        for name, leaf in value.items():
            if not _NO_NAME.search(name):
                _name(record, leaf)
            if isinstance(leaf, str) and _ISO_DAY.match(leaf):
                record.dated.add("-".join(sorted(of_name(name))))
        self._status(value, record, tool)
        for name, part in value.items():
            self._value(name, part, record, tool)

    def _status(self, value: Mapping[str, Any], record: Record, tool: str) -> None:
        """Note the word of a status field; a row that tells of a change has it in `after`."""
        word = next((value[name] for name in STATUS_FIELDS if isinstance(value.get(name), str)), None)
        if word is None and value.get("column") in STATUS_FIELDS and isinstance(value.get("after"), str):
            word = value["after"]
        if word is None:
            return
        for older in self._states:
            if not older.is_flag and older.record is not None and record.own_id == older.record.own_id != "":
                older.current = older.order == self._order
        self._states.append(State(word, True, False, tool, self._order, record))

    # -------------------------------------------------------------- leaves

    def _leaf(self, key: str, value: Any, record: Record | None, source: Source, place: str) -> None:
        if isinstance(value, bool):
            self._states.append(State(key, value, True, place, self._order, record))
        elif isinstance(value, int | float):
            if record is not None and of_name(key) == _STOCK:
                self._states.append(State("in stock", value > 0, True, place, self._order, record))
            self._field("amount", Decimal(str(value)), key, record, source, place)
        elif isinstance(value, str):
            self._text(key, value, record, source, place)

    def _text(self, key: str, value: str, record: Record | None, source: Source, place: str) -> None:
        if _ISO_DAY.fullmatch(value):
            self._field("date", tuple(map(int, value.split("-"))), key, record, source, place)
        elif _CLOCK.fullmatch(value):
            hours, minutes = value.split(":")[:2]
            self._field("time", (int(hours) * 60 + int(minutes),), key, record, source, place)
        elif _NUMBER.fullmatch(value):
            self._field("amount", Decimal(value), key, record, source, place)
        elif len(value) > _LONG or "\n" in value:
            self._document(value, record, source, place)
        elif _MAY_HOLD_VALUES.search(value):
            labels = of_name(key) | {word for word, _ in stems(value)}
            self._keep(
                [
                    Given(found.kind, found.key, source, place, labels, self._order, record, key, found.unit)
                    for found in values_of(value)
                ]
            )

    def _field(self, kind: Kind, value: Any, key: str, record: Record | None, source: Source, place: str) -> None:
        given = Given(kind, value, source, place, of_name(key), self._order, record, key)
        given.is_field = True
        self._keep([given])

    # -------------------------------------------------------------- documents

    def _document(self, text: str, record: Record | None, source: Source, place: str) -> None:
        self.has_documents = True
        for line in _LINE.finditer(text):
            if record is not None:
                _name(record, line[2])
            for found in values_of(line[2][:_LONG]):
                given = Given(found.kind, found.key, source, place, of_name(line[1]), self._order, record, line[1])
                given.unit, given.is_field = found.unit, True
                self._keep([given])
        for kind, key, unit in _loose(text):
            labels = frozenset({unit}) if unit else frozenset()
            self._keep([Given(kind, key, source, place, labels, self._order, unit=unit)])


def _loose(text: str) -> Iterator[tuple[Kind, Any, str]]:
    """Yield (kind, key, unit) of what a document holds, without the words around it; what it counts comes last."""
    for number in dict.fromkeys(_LOOSE_NUMBER.findall(text)):
        yield "amount", abs(Decimal(number.replace(",", ""))), ""
    for parts in dict.fromkeys(_LOOSE_DAY.findall(text)):
        yield "date", tuple(map(int, parts)), ""
    for hours, minutes in dict.fromkeys(_LOOSE_CLOCK.findall(text)):
        yield "time", (int(hours) * 60 + int(minutes),), ""
    for found in values_of(text) if len(text) < _READ_CLOSELY else ():
        if found.kind in ("date", "time") or found.words:
            yield found.kind, found.key, ""
    for number, noun in _COUNTED_NOUN.findall(text[-_COUNTS_STAND_IN:]):
        yield "amount", Decimal(number), stem(noun)


def _name(record: Record, value: Any) -> None:
    """Note a text as part of what tells the record from others; of a path also its name and the month in it."""
    if not isinstance(value, str) or len(value) > _NAME:
        return
    if _ISO_DAY.fullmatch(value):
        record.words.add(value[5:])
        return
    token = normal_id(value)
    record.words |= {token, token.rpartition("/")[2]}
    record.words |= {stem(month_name(int(month))) for month in _IN_PATH.findall(token)}
    if " " in value or token.isalpha():
        record.words |= {word for word, _ in stems(value)}


def _own_id(value: Mapping[str, Any]) -> str:
    """Return what an object is named by: its first field whose name says so, else its first text where that looks like
    an id, else ""."""
    texts = [(key, normal_id(leaf)) for key, leaf in value.items() if isinstance(leaf, str) and " " not in leaf]
    named = next((name for key, name in texts if _ID_FIELD.search(key)), "")
    return named or next((name for _, name in texts[:1] if _LOOKS_LIKE_AN_ID.fullmatch(name)), "")


def flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name of the field, value) for all that lies in a JSON value."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from flat(part, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from flat(part, key)
    else:
        yield key, value
