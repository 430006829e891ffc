"""Small settings that the studio and the engine share, as JSON values by key."""

from __future__ import annotations

from typing import Any

import orjson

from storage.database import Database
from storage.tables import PreferenceRecord


def get(db: Database, key: str, default: Any = None) -> Any:
    """Return the value of a key, or the default when it was never set."""
    with db.read() as session:
        record = session.get(PreferenceRecord, key)
    return default if record is None else orjson.loads(record.value)


def set(db: Database, key: str, value: Any) -> None:
    """Store a JSON value under a key."""
    with db.write() as session:
        session.merge(PreferenceRecord(key=key, value=orjson.dumps(value).decode()))
