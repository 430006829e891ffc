"""Texts that a person types for an option -> checked values. Every refusal is an InputError."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.errors import InputError, InputErrors

LARGEST = (1 << 63) - 1
"""The largest id that a database column can hold (64 bits, signed)."""


def pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of each `name=value`. Raises InputError where there is no "="."""
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(text, "is not name=value.", "Write for example train=0.9.")
        yield name, value


def split_share(name: str, text: str) -> float:
    """Return the share of a split, 0 to 1. Raises InputError."""
    with suppress(ValueError):
        if 0 <= (share := float(text)) <= 1:
            return share
    raise InputError(f"--split {name}", f"{text!r} is no share.", "Give a number from 0 to 1, for example train=0.9.")


def byte_count(name: str, text: str) -> int:
    """Return the number of bytes that a text such as 5000, 150MB or 2GB says. Raises InputError."""
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
    number, factor = text.strip().upper(), 1
    for unit, size in units.items():
        if number.endswith(unit):
            number, factor = number.removesuffix(unit), size
    with suppress(ValueError, OverflowError):
        if (found := round(float(number) * factor)) >= 1:
            return found
    raise InputError(name, f"{text!r} is no size.", "Give bytes, or for example 150MB.")


def text_of(file: Path) -> str:
    """Return the text of a file. Raises InputError when it cannot be read."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(file), f"cannot be read: {error}.", "Check the path.") from error


def value_of(text: str) -> Any:
    """Return the text read as JSON, or the text itself where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def validated(model: Any, value: Any, where: str) -> Any:
    """Return a pydantic model made of a mapping or of a JSON text. Raises InputErrors that name `where` and the field,
    in a text also the line."""
    from pydantic import ValidationError

    from engine.reading.places import Source

    text = value if isinstance(value, str) else ""
    try:
        return model.model_validate_json(value) if text else model.model_validate(value)
    except ValidationError as error:
        given = value_of(text) if text else value
        raise InputErrors(Source(where, text.encode()).refusals(error, given)) from error
