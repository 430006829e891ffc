"""The base of every type, and hashes of values."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of every domain type: immutable, strict about field names. Numbers are finite, as JSON has no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Options(Frozen):
    """Base of the `Config` of a plug-in. The docstring under a field is its help where the form is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def digest(value: Any, length: int = 16) -> str:
    """Return the first `length` hex digits of SHA-256 over the canonical JSON of `value`.

    Canonical: sorted keys, no white space, UTF-8. Models are dumped in JSON mode first.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:length]
