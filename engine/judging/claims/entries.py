"""What evidence consists of: given values, the records that hold them, states, and what calls have changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from engine.judging.claims.value import Kind

Source = Literal["policy", "user", "result", "call"]


@dataclass(eq=False, slots=True)
class Record:
    """One object of a result.

    `words` say which it is: stems and ids of its own texts and of those of the objects around it, and the arguments of
    the call. `own_id` is what it is named by, "" where nothing does. `dated` are the stems of its fields that hold a
    day, such as `shipped`. `order` counts what was given in the dialogue.
    """

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
    """One given value.

    `labels` are the stems that stand for it: of a field its name, of a text the words around it, and `near` the closest
    of those. `place` says in a reason who gave it, `name` which field. `is_field` says that a field is just this value,
    `is_count` that a list has so many entries. `current` turns False when a later result gives the same field of the
    same record another value.
    """

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


@dataclass(eq=False, slots=True)
class Outcome:
    """What a call that changes something gave: the stem of the verb in its name, the tool, its place among all that was
    given, and the ids and texts that it was called with."""

    words: frozenset[str]
    tool: str
    order: int
    arguments: frozenset[str]
