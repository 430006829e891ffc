"""What the checklist for a first run (pages/overview) remembers: steps that the user has visited, and whether they
hid it."""

from __future__ import annotations

from storage import preferences
from storage.database import Database

_SEEN = "first_path_seen"
_HIDDEN = "first_path_hidden"


def seen(db: Database) -> set[str]:
    """Return the names of the steps whose page the user has visited, by the checklist or not."""
    return {*preferences.get(db, _SEEN, [])}


def note_seen(db: Database, name: str) -> None:
    """Remember that the user has visited the page of a step; writes only the first time."""
    known = list(preferences.get(db, _SEEN, []))
    if name not in known:
        preferences.set(db, _SEEN, [*known, name])


def hidden(db: Database) -> bool:
    """Return whether the user has hidden the checklist."""
    return bool(preferences.get(db, _HIDDEN, False))


def hide(db: Database, away: bool) -> None:
    """Hide the checklist, or show it again."""
    preferences.set(db, _HIDDEN, away)
