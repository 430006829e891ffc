"""Read the lines of a JSONL file as objects; errors name file, line and field, and list positions count from 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from engine.errors import InputError
from engine.importing.report import Report
from engine.reading.json_value import loads

LONGEST_LINE = 16 << 20
DEEPEST = 100
"""Most levels of lists and objects in arguments, schemas and metadata; an export could not write deeper ones."""
_QUOTED = 200
Row = TypeVar("Row", bound=BaseModel)


def lines_of(source: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file. Of an overlong line it yields only the start, which is still longer than the limit."""
    while line := source.readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = source.readline(LONGEST_LINE + 1)
        yield line


def objects(lines: Iterable[bytes], name: str, report: Report | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object), without blank lines. A line that is no JSON object, is not UTF-8 or is longer
    than 16 MiB is set aside in the report; without a report it raises InputError."""
    report = report or Report(strict=True)
    for number, line in enumerate(lines, 1):
        where = f"{name}, line {number}"
        if len(line) > LONGEST_LINE:
            problem = f"is longer than {LONGEST_LINE >> 20} MiB."
            report.refuse(number, InputError(where, problem, "Split the file or drop the line."))
            continue
        text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if text:
            try:
                value = _object(text, where)
            except InputError as error:
                report.refuse(number, error)
                continue
            yield number, value


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        value = loads(text)
    except ValueError as error:
        raise InputError(where, f"is not JSON: {error}.", "Write one JSON object per line, in UTF-8.") from error
    if not isinstance(value, dict):
        raise InputError(where, f"is a {type(value).__name__}, not an object.", "Write one JSON object per line.")
    return value


def parsed(model: type[Row], value: dict[str, Any], where: str) -> Row:
    """Return the value as the model. Raises InputError naming line and field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])[:_QUOTED]
        raise InputError(f"{where}, field {field or 'row'}", f"{first['msg']}.", "Correct it and import again.") from (
            error
        )


def json_in(text: str, where: str) -> Any:
    """Return the JSON value of a field's text. Raises InputError, also for a lone surrogate."""
    try:
        return loads(text)
    except ValueError as error:
        raise InputError(where, f"holds no JSON: {error}.", "Correct it and import again.") from error


def check_depth(value: Any, where: str, deepest: int = DEEPEST) -> None:
    """Raise InputError when lists and objects are nested more than `deepest` levels."""
    if isinstance(value, dict | list):
        if not deepest:
            raise InputError(where, f"is nested more than {DEEPEST} levels deep.", "Flatten it, or drop the line.")
        for inner in value.values() if isinstance(value, dict) else value:
            check_depth(inner, where, deepest - 1)
