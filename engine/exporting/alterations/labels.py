"""Labels of turns and subsets, written into the metadata of a row where a recipe asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.dialogue.subsets import subsets, turn_labels
from engine.exporting.alterations.altered import Altered
from engine.exporting.record import changed
from engine.types import Record, RecordAttachment

TURN_LABELS, SUBSETS = "turn_labels", "subsets"
"""Their keys in the metadata: a label for each answer of the trajectory in order, and the names of the subsets."""


def labelled(record: Record, attachments: Sequence[RecordAttachment]) -> Altered:
    """Return the record as if it had been imported with its labels, so that every format writes them where it writes
    what else came with a row. `attachments` are those that it had before it was altered; those of turns that it still
    has count."""
    before = record.imported
    found = {
        TURN_LABELS: turn_labels(record.turns, record.tools),
        SUBSETS: subsets(record.turns, record.tools, [one for one in attachments if one.turn < len(record.turns)]),
    }
    return Altered(changed(record, imported={**before, "more": {**before.get("more", {}), **found}}))


def labels_of(record: Record) -> dict[str, Any]:
    """Return the labels that a record holds by key; empty where it has none."""
    more = record.imported.get("more") or {}
    return {key: more[key] for key in (TURN_LABELS, SUBSETS) if key in more}
