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

    What is no Unicode text (half a surrogate pair) becomes a question mark.
    """
    try:
        return orjson.dumps(value, part_fields)
    except TypeError:
        text = json.dumps(value, default=part_fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def part_fields(part: Any) -> dict[str, Any]:
    """Return the fields of a part of a record in their order, without later ones that were not written."""
    found: dict[str, Any] = msgspec.structs.asdict(part)
    for name in getattr(part, "LATER", ()):
        if found[name] is msgspec.UNSET:
            del found[name]
    return found
