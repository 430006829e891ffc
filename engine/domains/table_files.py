"""CSV and JSON files as rows, for slot queries: as people have them, or with the reason why not.

CSV: separated by commas, semicolons, tabs or bars, in UTF-8 or in UTF-16 with its mark, lines ended in any way. Numbers
with a decimal comma are read where the comma does not separate. JSON: a list of objects, an object of such lists, or
one object a line. What would be read in another way by another program is refused: a key or column that stands twice,
and NaN. The same bytes give the same rows on every machine, so no encoding is guessed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from charset_normalizer import from_bytes

Rows = list[dict[str, Any]]
_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 20
"""Lines by which the separator is found."""
_SAMPLE = 64 << 10
"""Bytes of which the encoding is told."""


class Unreadable(Exception):
    """Why a file gives no rows; the words go on after "it"."""


class Ambiguous(Unreadable):
    """Why a file would be read in another way elsewhere."""


# ---------------------------------------------------------------- JSON


def json_tables(data: bytes, stem: str) -> dict[str, Rows]:
    """Return {table: rows} of a JSON file: a list of objects, or objects one a line, is one table named after the file
    (`stem`); of an object, each list or mapping of objects is a table, and its scalars form a one-row table.

    Raises Unreadable for a file that is no JSON, Ambiguous for a key that stands twice in an object and for NaN.
    """
    document = _document(data)
    if _is_objects(document):
        return {stem: document}
    if not isinstance(document, dict):
        return {}
    found: dict[str, Rows] = {}
    if (
        document
        and all(isinstance(entry, dict) for entry in document.values())
        and not any(_is_keyed(entry) for entry in document.values())
    ):
        return {stem: [{"_key": key, **entry} for key, entry in document.items()]}
    single: dict[str, Any] = {}
    for key, entry in document.items():
        if _is_objects(entry):
            found[key] = entry
        elif _is_keyed(entry):
            found[key] = [{"_key": inner, **row} for inner, row in entry.items()]
        elif not isinstance(entry, dict | list):
            single[key] = entry
    if single:
        found.setdefault(stem, [single])
    return found


def _document(data: bytes) -> Any:
    """Return what a file of JSON, or of one JSON object a line, holds. Raises Unreadable, Ambiguous."""
    try:
        return _value(data)
    except (ValueError, RecursionError) as error:
        lines = [line for line in data.splitlines() if line.strip()]
        try:
            found = [_value(line) for line in lines] if len(lines) > 1 else []
        except (ValueError, RecursionError):
            found = []
        if _is_objects(found):
            return found
        comment = re.search(rb"^\s*(?://|/\*|#)", data, re.MULTILINE)
        why = "holds a comment, which JSON does not have" if comment else f"is no JSON ({error})"
        raise Unreadable(why) from error


def _value(data: bytes) -> Any:
    return json.loads(
        data, parse_int=_whole, parse_float=_real, object_pairs_hook=_object, parse_constant=_refuse_constant
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Ambiguous(f"names the key {twice!r} twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise Ambiguous(f"holds {name}, which JSON does not have")


def _is_objects(value: Any) -> bool:
    """Return whether this is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def _is_keyed(value: Any) -> bool:
    """Return whether this is a mapping from keys to objects."""
    return isinstance(value, dict) and bool(value) and all(isinstance(entry, dict) for entry in value.values())


# ---------------------------------------------------------------- CSV


def csv_rows(data: bytes, usual: str) -> Rows:
    """Return the rows of a CSV file by its header; `usual` is what separates values where nothing speaks against it.

    Raises Unreadable for another encoding, a file that is no CSV, and a first line that is no header.
    """
    text = _text(data)
    if "\n" not in text:
        text = text.replace("\r", "\n")
    separator = _separator(text, usual)
    try:
        records = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise Unreadable(f"is no CSV ({error})") from error
    records = [record for record in records if record]
    if not records:
        return []
    header, comma = records[0], separator != ","
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise Unreadable(f"names the column {twice[0]!r} twice in its first line")
    if len(records) > 1 and all(isinstance(_number(cell, comma), int | float) for cell in header):
        raise Unreadable("has no names of columns in its first line")
    return [
        {name: _number(cell, comma) for name, cell in zip(header, _as_long(record, len(header)), strict=True)}
        for record in records[1:]
    ]


def _as_long(record: list[str], length: int) -> list[str | None]:
    return [*record[:length], *[None] * (length - len(record))]


def _text(data: bytes) -> str:
    """Return the text of a file. Raises Unreadable for one in no encoding that its bytes tell."""
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        if marked:
            raise Unreadable("is no whole UTF-16, though its first bytes say so") from error
        guess = from_bytes(data[:_SAMPLE]).best()
        like = f"; it looks like {guess.encoding}" if guess is not None else ""
        raise Unreadable(f"is no UTF-8 (byte {data[error.start]} at {error.start}{like}): save it as UTF-8") from error


def _separator(text: str, usual: str) -> str:
    """Return what separates the values: `usual` if it does so in the first line, else what divides all of the first
    lines into equally many."""
    if len(next(_records(text, usual), ())) > 1:
        return usual
    for separator in _SEPARATORS:
        lengths = {len(record) for record in islice(_records(text, separator), _LOOKED_AT) if record}
        if len(lengths) == 1 and lengths.pop() > 1:
            return separator
    return usual


def _records(text: str, separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text), delimiter=separator)
    except csv.Error:
        return


def _number(cell: str | None, comma: bool) -> Any:
    """Return a CSV cell as a number when it is written like one, else as it is; "007" stays text. With `comma` a
    decimal comma is one."""
    if cell is not None and comma and re.fullmatch(r"-?(0|[1-9]\d*),\d+", cell):
        cell = cell.replace(",", ".")
    if cell is None or not re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", cell):
        return cell
    return _real(cell) if "." in cell else _whole(cell)


def _whole(text: str) -> int | str:
    """Return a whole number, as text with all its digits where SQL has none so large."""
    number = int(text) if len(text) <= 20 else None
    return number if number is not None and -(1 << 63) <= number < 1 << 63 else text


def _real(text: str) -> float | str:
    """Return a decimal number; as text when it has digits that a float loses (64 bits or more), or is beyond floats."""
    number = float(text)
    exact = abs(number) < 1 << 63 or "e" in text.lower()
    return number if exact and math.isfinite(number) else text
