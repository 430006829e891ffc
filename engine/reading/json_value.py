"""JSON values: read without losing a digit, compared by kind and value. Pure.

Numbers compare by value (1 = 1.0), booleans and null only with their own kind. Whole numbers keep all their digits: as
numbers up to MOST_DIGITS characters, which Python, pydantic and msgspec all read and write, and as text beyond that.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import msgspec

MOST_DIGITS = 4300
_LONG = re.compile(rb"\d{%d}" % MOST_DIGITS)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: str | bytes) -> Any:
    """Return the value of a strict JSON text; a whole number of more than MOST_DIGITS becomes its text.

    Raises ValueError: no JSON, NaN or a number beyond every float, half a surrogate pair, nested too deeply.
    """
    data = text.encode() if isinstance(text, str) else text
    try:
        return msgspec.json.decode(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except msgspec.MsgspecError as error:
        if not _LONG.search(data) and not _SURROGATE.search(data):
            raise ValueError(str(error)) from error
    return _slowly(data)


def _slowly(data: bytes) -> Any:
    """Return the value of a text that msgspec refuses because of a long number or a surrogate. Raises as `loads`."""
    found = _decoded(data.decode())
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it holds half a surrogate pair, which is no character") from error
    return found


def _decoded(text: str) -> Any:
    """Return the value of a JSON text that may hold half a surrogate pair. Raises ValueError."""
    try:
        return _STRICT.decode(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def loads_leniently(text: str | bytes) -> Any:
    """Return the value of a JSON text as `loads` does, but pass over a byte order mark, also of UTF-16, and read half a
    surrogate pair as U+FFFD. Raises ValueError."""
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    return _replaced(_decoded(text.removeprefix("\ufeff")))


def first(text: str, at: int = 0, *, strict: bool = True) -> tuple[Any, int]:
    """Return the value of the JSON text that begins at a place, and where it ends; half a surrogate pair is read as
    U+FFFD. Not strict, strings may hold line breaks as they are. Raises ValueError."""
    try:
        value, end = (_STRICT if strict else _LOOSE).raw_decode(text, at)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return (_replaced(value) if _ESCAPED_SURROGATE.search(text, at, end) else value), end


def _replaced(value: Any) -> Any:
    try:
        return without_surrogates(value)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def without_surrogates(value: Any) -> Any:
    """Return a JSON value in which half a surrogate pair, which no database and no file holds, is U+FFFD."""
    if isinstance(value, str):
        return text_without_surrogates(value)
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(inner) for key, inner in value.items()}
    return [without_surrogates(inner) for inner in value] if isinstance(value, list | tuple) else value


def text_without_surrogates(text: str) -> str:
    """Return a text in which half a surrogate pair is U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def whole(text: str) -> int | str:
    """Return decimal digits as a number, or unchanged when they are more than MOST_DIGITS."""
    return int(text) if len(text) <= MOST_DIGITS else text


def writable(number: int) -> bool:
    """Return whether a whole number has at most MOST_DIGITS characters."""
    try:
        return len(str(number)) <= MOST_DIGITS
    except ValueError:  # more digits than Python writes
        return False


def writable_below(value: Any) -> bool:
    """Return whether a Python value and everything in it can be written as JSON and read again."""
    if isinstance(value, Mapping):
        keys = (str, int, float, type(None))
        return all(isinstance(key, keys) and writable_below(key) and writable_below(value[key]) for key in value)
    if isinstance(value, list | tuple):
        return all(map(writable_below, value))
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return writable(value) if isinstance(value, int) else value is None


def _finite(text: str) -> float:
    number = float(text)
    return _refuse(text) if number in (float("inf"), float("-inf")) else number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no JSON number")


_STRICT = json.JSONDecoder(parse_int=whole, parse_float=_finite, parse_constant=_refuse)
_LOOSE = json.JSONDecoder(parse_int=whole, parse_float=_finite, parse_constant=_refuse, strict=False)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal as JSON; the order of keys does not matter."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and len(one) == len(other)
            and all(same(a, b) for a, b in zip(one, other, strict=True))
        )
    return bool(one == other)


def canonical(value: Any) -> str:
    """Return a text that is equal for two values exactly when `same` is true: sorted keys, 1.0 written as 1."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def leaves(source: Any, path: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Yield (path, text) for every string in a value; keys of the path are text, places in lists count from 0."""
    if isinstance(source, str):
        yield path, source
    elif isinstance(source, Mapping):
        for key, entry in source.items():
            yield from leaves(entry, (*path, str(key)))
    elif isinstance(source, list | tuple):
        for number, entry in enumerate(source):
            yield from leaves(entry, (*path, number))
