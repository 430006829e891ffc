"""One way to write JSON: compact, UTF-8, key order kept, the same bytes every time."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson


def dumps(value: Any) -> str:
    """Return compact JSON. Integers beyond 64 bits are written in full, which orjson alone refuses."""
    return dump_bytes(value).decode()


def dump_bytes(value: Any) -> bytes:
    """Return compact JSON as UTF-8; parts of a record (engine/types/records.py) become objects.

    A lone surrogate, which UTF-8 cannot hold, becomes a question mark.
    """
    try:
        return orjson.dumps(value, part_fields)
    except TypeError:
        text = json.dumps(value, default=part_fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def part_fields(part: Any) -> dict[str, Any]:
    """Return the fields of a record or of one of its parts, in order, without the unset ones of LATER."""
    found: dict[str, Any] = msgspec.structs.asdict(part)
    for name in getattr(part, "LATER", ()):
        if found[name] is msgspec.UNSET:
            del found[name]
    return found
