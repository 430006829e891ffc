"""Lines of a JSONL file as objects, each refusal naming file, line and field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from engine.errors import InputError
from engine.json_value import loads, whole

LONGEST_LINE = 16 << 20
Row = TypeVar("Row", bound=BaseModel)


def objects(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object); blank lines are passed over. Raises InputError for a line that is no JSON
    object, is not UTF-8 or is longer than 16 MiB."""
    for number, line in enumerate(lines, 1):
        where = f"{name}, line {number}"
        if len(line) > LONGEST_LINE:
            raise InputError(where, f"is longer than {LONGEST_LINE >> 20} MiB.", "Split the file or drop the line.")
        text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if text:
            yield number, _object(text, where)


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = loads(text)
    except ValueError as error:
        raise InputError(where, f"is not JSON: {error}.", "Write one JSON object per line, in UTF-8.") from error
    if not isinstance(value, dict):
        raise InputError(where, f"is a {type(value).__name__}, not an object.", "Write one JSON object per line.")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def parsed(model: type[Row], value: dict[str, Any], where: str) -> Row:
    """Return the value as the model. Raises InputError naming line and field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}, field {field or 'row'}", f"{first['msg']}.", "Correct it and import again.") from (
            error
        )


def json_in(text: str, where: str) -> Any:
    """Return the JSON that a field holds as text. Raises InputError."""
    try:
        return json.loads(text, parse_int=whole, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(where, f"holds no JSON: {error}.", "Correct it and import again.") from error
