"""The report of an import: how many rows were imported, set aside and why, changed while read, and lost what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.errors import InputError

LISTED = 20
"""Reasons and notes that are kept word for word; the counts are always exact."""
_NAMES, _NAME = 200, 80
_REST = "other keys"


@dataclass
class Notes:
    """Findings about one record while it is read; the report counts them only if the record is imported.

    `changed` names what was read in another form than written, `lost` the keys that a trajectory has no place for;
    `noted` are sentences about this record. `held_back` is the reason why no chat format can export it as it is, or
    None; `untrained` is True when the file masks some of its answers.
    """

    changed: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    noted: list[str] = field(default_factory=list)
    held_back: str | None = None
    untrained: bool = False

    def lose(self, name: str, value: Any) -> None:
        """Note a key as lost, unless its value is null or empty."""
        if value is not None and value not in ("", [], {}):
            self.lost.add(name[:_NAME])


@dataclass
class Report:
    """Counts of one import. `rows` = `imported` + `set_aside`; the other counts are of imported records.

    `changed`, `lost`, `held_back` and `untrained` count records by the findings of the same name in Notes. `strict`
    raises the error of the first bad record instead of setting it aside; `first_error` is the first one set aside.
    """

    strict: bool = False
    rows: int = 0
    imported: int = 0
    set_aside: int = 0
    untrained: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    first_error: InputError | None = None
    _reasons: list[dict[str, Any]] = field(default_factory=list)
    _noted: list[dict[str, Any]] = field(default_factory=list)
    _notes: int = 0

    @contextmanager
    def record(self, line: int, where: str) -> Iterator[Notes]:
        """Yield the notes of the record at `line`; when the block raises InputError, the record is set aside."""
        notes = Notes()
        try:
            yield notes
        except InputError as error:
            self.refuse(line, error)
        except RecursionError:
            self.refuse(line, InputError(where, "is nested too deeply.", "Drop the line."))
        else:
            self._admit(line, notes)

    def refuse(self, line: int, error: InputError) -> None:
        """Set a record aside. Raises the error when the report is strict."""
        if self.strict:
            raise error
        self.rows += 1
        self.set_aside += 1
        self.first_error = self.first_error or error
        if len(self._reasons) < LISTED:
            self._reasons.append({"line": line, "reason": str(error)})

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, counts sorted by name. `reasons` lists the first 20 refusals, `noted` the
        first 20 different notes with the line of each; `notes` counts all notes."""
        return {
            "rows": self.rows,
            "imported": self.imported,
            "set_aside": self.set_aside,
            "untrained": self.untrained,
            "reasons": list(self._reasons),
            "changed": _counts(self.changed),
            "lost": _counts(self.lost),
            "held_back": _counts(self.held_back),
            "noted": list(self._noted),
            "notes": self._notes,
        }

    def _admit(self, line: int, notes: Notes) -> None:
        self.rows += 1
        self.imported += 1
        self.untrained += notes.untrained
        for name in notes.changed:
            self.changed[name] += 1
        for name in notes.lost:
            known = name in self.lost or len(self.lost) < _NAMES
            self.lost[name if known else _REST] += 1
        if notes.held_back is not None:
            self.held_back[notes.held_back] += 1
        for sentence in notes.noted:
            self._notes += 1
            if len(self._noted) < LISTED and all(sentence != one["note"] for one in self._noted):
                self._noted.append({"line": line, "note": sentence})


def _counts(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))
