"""Values as lines of JSON.

Runs inside the sandbox, standard library only.
"""

import json

PART = 1 << 16
"""Bytes that are read at once. For a larger buffer the memory is mapped and unmapped at every read."""
encode = json.JSONEncoder(ensure_ascii=False).encode
"""Returns a value as JSON. The encoder is made once; json.dumps would make one for each value."""


def as_line(value):
    return encode(value).encode("utf-8", "replace") + b"\n"
