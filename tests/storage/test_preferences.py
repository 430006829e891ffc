"""Preferences are kept as JSON."""

from __future__ import annotations

from storage import preferences
from storage.database import Database


def test_preferences_keep_json(db: Database) -> None:
    assert preferences.get(db, "sandbox", "auto") == "auto"
    for value in ("docker", {"a": [1, None]}, False):
        preferences.set(db, "sandbox", value)
        assert preferences.get(db, "sandbox", "auto") == value
