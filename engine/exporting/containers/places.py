"""What values stand at each place of many rows, and which type a column of Parquet has for them.

A column has one type for all rows, and a key that an object lacks comes back as null. So a place becomes JSON text
where one type cannot say what stands there, or where nulls would say something else: see `Place.is_text`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from engine.exporting.json import dumps

OPEN_KEYS = frozenset({"arguments", "input", "input_schema", "parameters", "properties", "schema"})
"""Keys whose objects have keys that a tool's author chose: arguments of calls and the schemas of tools. Their form must
not depend on which calls are in the data."""
MOST_KEYS = 64
"""An object with more keys than this in all rows together is a map, whose keys are data; this also bounds memory."""
MOST_LEVELS = 24
_EXACT = 1 << 53
"""Whole numbers up to this are exact as floating point numbers."""
_PLAIN = frozenset({str, bool, float, NoneType})
"""Types of which nothing but the type matters."""


class Place:
    """What stands at one place of all rows seen so far: `kinds` of values, `keys` of objects, `item` of lists."""

    __slots__ = ("_level", "beyond_64_bits", "inexact", "is_open", "item", "keys", "kinds")

    def __init__(self, is_open: bool = False, level: int = 0) -> None:
        self.kinds: set[type] = set()
        self.keys: dict[str, Place] = {}
        self.item: Place | None = None
        self.is_open = is_open or level >= MOST_LEVELS
        self.beyond_64_bits = self.inexact = False
        self._level = level

    def see(self, value: Any) -> None:
        """Take one more value (JSON as Python reads it) into account."""
        kind = type(value)
        self.kinds.add(kind)
        if kind is dict:
            if not self.is_open:
                self._see_keys(value)
        elif kind is list:
            if self.item is None:
                self.item = Place(level=self._level + 1)
            item = self.item
            for one in value:
                if type(one) in _PLAIN:  # most values are; this saves a call for each
                    item.kinds.add(type(one))
                else:
                    item.see(one)
        elif kind is int and not -_EXACT <= value <= _EXACT:
            self.inexact = True
            self.beyond_64_bits |= not -(1 << 63) <= value < 1 << 63

    def _see_keys(self, value: Mapping[str, Any]) -> None:
        keys = self.keys
        for key, one in value.items():
            place = keys.get(key)
            if place is None:
                place = keys[key] = Place(key in OPEN_KEYS, self._level + 1)
                if len(keys) > MOST_KEYS and self._level:  # the columns of a row are no data
                    self.is_open = True
                    keys.clear()
                    return
            if type(one) in _PLAIN:
                place.kinds.add(type(one))
            else:
                place.see(one)

    @property
    def is_mixed(self) -> bool:
        """Whether no type of a column says exactly what stands here."""
        kinds = self.kinds - {NoneType}
        if kinds == {int, float}:
            return self.inexact
        return len(kinds) > 1 or self.beyond_64_bits

    @property
    def is_text(self) -> bool:
        """Whether the place becomes JSON text: its values have types that clash, are whole numbers beyond 64 bits, or
        are objects whose keys are data (OPEN_KEYS, MOST_KEYS) or which never have any."""
        return self.is_mixed or (dict in self.kinds and (self.is_open or not self.keys))

    def texts(self, path: str = "") -> Iterator[tuple[str, bool]]:
        """Yield (path of each place that becomes JSON text, whether because its values clash), sorted by path."""
        if self.is_text:
            yield path, self.is_mixed
            return
        for key in sorted(self.keys):
            yield from self.keys[key].texts(f"{path}.{key}" if path else key)
        if self.item is not None:
            yield from self.item.texts(f"{path}[]")

    @property
    def holds_text(self) -> bool:
        """Whether this place, or one inside it, becomes JSON text."""
        return next(self.texts(), None) is not None


Texts = Mapping[str | None, Any]
"""Where JSON text stands inside a value: by key (None: in the items of a list) the Texts there, or None for a text."""


def texts_inside(place: Place) -> Texts | None:
    """Return where JSON text stands inside the values of a place; None where they are that text themselves."""
    if place.is_text:
        return None
    inside: dict[str | None, Any] = {key: texts_inside(one) for key, one in place.keys.items() if one.holds_text}
    if place.item is not None and place.item.holds_text:
        inside[None] = texts_inside(place.item)
    return inside


def with_texts(value: Any, inside: Texts | None) -> Any:
    """Return a value with JSON text at the places of `texts_inside`, where null stays null. Objects and lists are
    changed in place."""
    if value is None:
        return None
    if inside is None:
        return dumps(value)
    if type(value) is list:
        if None in inside:
            part = inside[None]
            value[:] = [with_texts(one, part) for one in value]
        return value
    for key, part in inside.items():
        if key in value:
            value[key] = with_texts(value[key], part)
    return value
