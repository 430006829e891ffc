"""What the first-run path of the studio remembers: what the user has looked at, and whether they put it away."""

from __future__ import annotations

from storage import preferences
from storage.database import Database

_SEEN = "first_path_seen"
_HIDDEN = "first_path_hidden"


def seen(db: Database) -> set[str]:
    """Return the names of the steps that the user has looked at, whichever way they came."""
    return {*preferences.get(db, _SEEN, [])}


def note_seen(db: Database, name: str) -> None:
    """Remember that the user has looked at a step; written once."""
    known = list(preferences.get(db, _SEEN, []))
    if name not in known:
        preferences.set(db, _SEEN, [*known, name])


def hidden(db: Database) -> bool:
    """Return whether the user has put the path away."""
    return bool(preferences.get(db, _HIDDEN, False))


def hide(db: Database, away: bool) -> None:
    """Put the path away, or bring it back."""
    preferences.set(db, _HIDDEN, away)
