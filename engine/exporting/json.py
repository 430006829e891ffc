"""One way to write JSON: compact, UTF-8, key order kept, the same bytes every time."""

from __future__ import annotations

import json
from typing import Any

import orjson
from msgspec.structs import asdict


def dumps(value: Any) -> str:
    """Return compact JSON. Integers beyond 64 bits are written in full, which orjson alone refuses."""
    return dump_bytes(value).decode()


def dump_bytes(value: Any) -> bytes:
    """Return compact JSON as UTF-8; parts of a record (engine/types/records.py) become objects.

    What is no Unicode text (half a surrogate pair) becomes a question mark.
    """
    try:
        return orjson.dumps(value, asdict)
    except TypeError:
        text = json.dumps(value, default=asdict, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
