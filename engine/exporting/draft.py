"""The first step of every chat format: which turns of a record leave, or why it gives no row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.exporting.content import content_id_of, offered_tools
from engine.exporting.dialogue import Turns, cut_changes, timeless, trainable
from engine.types import Converted, Record


@dataclass(slots=True)
class Draft:
    """A dialogue that can be a training row.

    turns: those up to the last answer. found: their `traits`. lost, changed: what the report counts; a format adds to
    both.
    """

    record: Record
    turns: Turns
    found: set[str]
    lost: list[str]
    changed: list[str]

    @property
    def spoken(self) -> Turns:
        """The turns without the policy."""
        return self.turns[1:] if self.turns[0].role == "system" else self.turns

    def id(self) -> int:
        """Return the content id of the dialogue, whatever spelling its row has."""
        return int(content_id_of(self.turns, offered_tools(self.record.tools)), 16)

    def lose(self, *names: str) -> None:
        """Count as lost those of these `traits` that the dialogue has."""
        self.lost += [name for name in names if name in self.found]

    def finished(self, rows: Sequence[Any], ids: Sequence[int] | None = None) -> Converted:
        """Return the rows with what was counted; without `ids` there is one row, which has the dialogue's id."""
        return Converted(rows, [self.id()] if ids is None else ids, None, self.lost, self.changed)


def draft(record: Record, *, cut: bool = False, asked: bool = False) -> Draft | str:
    """Return what of a record can leave, or the reason why nothing can.

    With `cut` it ends before the first answer that must not be trained. With `asked` the user must speak first.
    """
    turns, found, reason = trainable(record.turns, cut=cut)
    if reason is not None:
        return reason
    made = Draft(record, turns, found, [], cut_changes(record.turns, turns))
    if asked and made.spoken[0].role != "user":
        return "no_opening_request"
    if timeless(record.attachments):
        made.lost.append("attachments")
    return made
