"""The base classes of the stored types, and the hash of a value."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Frozen(BaseModel):
    """Base of every stored type: immutable, refuses unknown fields and numbers that JSON does not have (inf, nan)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Grown(Frozen):
    """Base of stored types that got fields later. The fields in `LATER` are written only when they are not empty, so
    that older records keep their bytes."""

    LATER: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = handler(self)
        return {name: value for name, value in found.items() if value or name not in self.LATER}


class Options(Frozen):
    """Base of the `Config` of a plug-in. Forms show the docstring under a field as its help."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


LINES: dict[str, Any] = {"lines": True}
"""`json_schema_extra` of an option that is a text of many lines, so that forms draw a field of many lines."""


def digest(value: Any, length: int = 16) -> str:
    """Return the first `length` hex digits of SHA-256 over the canonical JSON of `value`.

    Canonical: sorted keys, no white space, UTF-8. Models are dumped in JSON mode first.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:length]
