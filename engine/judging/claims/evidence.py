"""What a dialogue has given so far: every value of the policy, the tools' descriptions, the user's messages, the calls
that succeeded and what the tools answered, each with the words that stand for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar, cast

from engine.judging.claims.entries import Given, Outcome, Record, State
from engine.judging.claims.ids import normal_id
from engine.judging.claims.results import STATUS_FIELDS, Walk, flat
from engine.judging.claims.texts import of_policy, of_text, today_of
from engine.judging.claims.value import Day, whole_day
from engine.judging.claims.words import of_name, stem, stems
from engine.reading.json_value import loads

T = TypeVar("T")
_COUNTED = re.compile(r"(\d{1,9}) (?:tests? )?(?:failed|failures?)\b", re.IGNORECASE)
_ALL_PASSED = re.compile(r"\b[1-9]\d{0,8} (?:tests? )?passed\b", re.IGNORECASE)
_SHORT = 40
"""Characters of an argument that may be a status."""


class Evidence:
    """Everything that was given up to a point of a dialogue; it only grows.

    `found` holds all values in order; they are also kept by amount, day, time, id, unit and, of fields, label. `asked`
    are the words of the user's last message and `outcomes` what was changed since. `done` are the stems of what calls
    did, `failing` how many tests failed in each run so far, with who said so.
    """

    def __init__(self) -> None:
        self.found: list[Given] = []
        self.amounts: dict[Decimal, list[Given]] = {}
        self.days: dict[Day, list[Given]] = {}
        self.times: dict[int, list[Given]] = {}
        self.ids: dict[str, list[Given]] = {}
        self.units: dict[str, list[Given]] = {}
        self.fields: dict[str, list[Given]] = {}
        self.records: list[Record] = []
        self.states: list[State] = []
        self.outcomes: list[Outcome] = []
        self.asked: frozenset[str] = frozenset()
        self.done: set[str] = set()
        self.failing: list[tuple[int, str]] = []
        self.today: date | None = None
        self.has_documents = False
        self._texts: list[str] = []
        self._joined = ""
        self._order = 0
        self._latest: dict[tuple[str, str], list[Given]] = {}
        self._made: dict[Callable[[Evidence], Any], tuple[int, Any]] = {}

    # -------------------------------------------------------------- what comes in

    @staticmethod
    def of_rules(policy: str, tools: tuple[tuple[str, str], ...]) -> Evidence:
        """Return the evidence of what holds for a whole dialogue: the policy, and (name, description) of each tool. It
        is read once for all dialogues that share it."""
        return _rules(policy, tools)._copy()

    def _copy(self) -> Evidence:
        """Return one that grows on its own, as long as nothing but rules was taken in."""
        other = Evidence()
        other.found, other.today, other._joined = list(self.found), self.today, self.text
        other.amounts = {key: list(given) for key, given in self.amounts.items()}
        other.days = {key: list(given) for key, given in self.days.items()}
        other.times = {key: list(given) for key, given in self.times.items()}
        other.ids = {key: list(given) for key, given in self.ids.items()}
        other.units = {key: list(given) for key, given in self.units.items()}
        return other

    def add_policy(self, text: str, place: str = "the policy") -> None:
        """Take in a text that holds for the whole dialogue: the policy, or what is told of a tool."""
        self._texts.append(text.lower())
        self._keep(of_policy(text, place))
        self.today = self.today or today_of(text)

    def add_user(self, text: str) -> None:
        """Take in a message of the user."""
        self._order += 1
        self.outcomes = []
        self.asked = frozenset(word for word, _ in stems(text))
        self._texts.append(text.lower())
        self._keep(list(of_text(text, "user", "the user", self._order)))

    def add_result(self, name: str, content: str, arguments: Mapping[str, Any] | None, writes: bool) -> None:
        """Take in what a tool answered, in JSON or as a text. The arguments of a call that succeeded count as given,
        and what it is called was done if it `writes`; None stands for a call that failed."""
        if arguments is not None:
            self._add_call(name, arguments, writes)
        self._order += 1
        self._texts.append(content.lower())
        walk = Walk(self._keep, self.records, self.states, self._order)
        try:
            value = loads(content)
        except ValueError:
            value = content
        walk.result(name, value, arguments or {})
        self.has_documents |= walk.has_documents
        self.today = self._said_today() or self.today
        if arguments is not None and writes:
            used = frozenset(normal_id(str(value)) for _, value in flat(arguments))
            self.outcomes.append(Outcome(of_name(name.split("_")[0]), name, self._order, used))
        counted = [int(found[1]) for found in _COUNTED.finditer(content)]
        self.failing += [(number, name) for number in (counted or ([0] if _ALL_PASSED.search(content) else []))]

    def _add_call(self, name: str, arguments: Mapping[str, Any], writes: bool) -> None:
        self._order += 1
        self.done |= of_name(name) if writes else frozenset()
        Walk(self._keep, self.records, self.states, self._order).arguments(name, arguments)
        for key, value in flat(arguments):
            if isinstance(value, str):
                self._texts.append(value.lower())
                if key in STATUS_FIELDS or (key == "value" and len(value) < _SHORT):
                    self.done |= {stem(word) for word in value.split()}

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

    def _keep(self, found: Sequence[Given]) -> None:
        """Keep values, of a field all that it holds, in place of what the same field of the same record was before."""
        for given in found:
            self._index(given)
        self.found += found
        first = found[0] if found else None
        anchor = first.record.anchor if first is not None and first.record is not None else ""
        if first is None or not anchor or first.source != "result" or first.is_count:
            return
        keys = [given.key for given in found]
        earlier = self._latest.setdefault((anchor, first.name), [])
        for older in earlier:
            older.current = older.key in keys or older.order == self._order
        earlier += found

    def _index(self, given: Given) -> None:
        if given.kind == "amount":
            self.amounts.setdefault(abs(given.key), []).append(given)
            if given.unit:
                self.units.setdefault(given.unit, []).append(given)
        elif given.kind == "date":
            self.days.setdefault(given.key, []).append(given)
        elif given.kind == "id":
            self.ids.setdefault(given.key, []).append(given)
        else:
            for minute in given.key:
                self.times.setdefault(minute, []).append(given)
        if given.is_field and given.source == "result":
            for label in given.labels:
                self.fields.setdefault(label, []).append(given)

    def _said_today(self) -> date | None:
        """Return the day that a field of the last result calls today."""
        said = (given for given in self.fields.get("today", ()) if given.order == self._order and given.kind == "date")
        return next((day for given in said if (day := whole_day(given.key)) is not None), None)


@lru_cache(maxsize=64)
def _rules(policy: str, tools: tuple[tuple[str, str], ...]) -> Evidence:
    evidence = Evidence()
    for name, description in tools:
        evidence.add_policy(description, f"the description of {name}")
    if policy:
        evidence.add_policy(policy)
    return evidence
