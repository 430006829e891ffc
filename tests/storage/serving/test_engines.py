"""Engines tell that they live, and are forgotten when they have left."""

from __future__ import annotations

from engine.types import Pulse
from storage.database import Database
from storage.serving import engines


def test_engines_beat_and_leave(db: Database) -> None:
    assert engines.newest(db) is None
    engines.beat(db, Pulse("one", 11, 100.0, "docker", True, "fine"))
    engines.beat(db, Pulse("two", 12, 105.0, "local", False, "no engine"))
    engines.beat(db, Pulse("one", 11, 110.0, "docker", True, "fine"))
    newest = engines.newest(db)
    assert newest is not None
    assert (newest.holder, newest.started_at, newest.heartbeat_at) == ("one", 100.0, 110.0)
    assert len(engines.engines(db)) == 2
    engines.leave(db, "one")
    engines.beat(db, Pulse("three", 13, 106.0 + engines.FORGOTTEN, "local", False, ""))
    assert [e.holder for e in engines.engines(db)] == ["three"]
