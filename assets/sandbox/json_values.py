"""The values of JSON texts: read without losing a digit, compared, and digested.

Runs inside the sandbox, standard library only. Numbers compare by value (1 = 1.0 = 10e-1) whatever their size; booleans
and null equal only themselves.
"""

import hashlib
import json
import marshal
import math

MOST_DIGITS = 4300
"""Digits of the longest whole number that Python and the engine's JSON readers take."""
MOST_DEEP = 100
"""Objects and lists inside one another, above which a text does not count as JSON: what compares and stores values
calls itself for each of them."""
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Number:
    """A number that no Python int or float holds exactly. `text` is the same for all spellings of one value."""

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Number) and self.text == other.text

    def __hash__(self):
        return hash(self.text)


def _normal(text):
    """Return (sign, digits without zeros at either end, power of ten) of a JSON number."""
    mantissa, _, power = text.lower().partition("e")
    sign, mantissa = ("-", mantissa[1:]) if mantissa[0] == "-" else ("", mantissa)
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    short = digits.rstrip("0")
    if not short:
        return "", "0", 0
    return sign, short, int(power or 0) - len(fraction) + len(digits) - len(short)


def _number(text):
    """Return the value of a JSON number: an int when it is whole, a float when that is exact, else a Number."""
    number = float(text)
    short = len(text) <= 16 and "e" not in text and "E" not in text  # at most 15 digits, which every float keeps
    if abs(number) < 1 << 53 and (short or repr(number) == text):
        return int(number) if number.is_integer() else number
    sign, digits, power = _normal(text)
    if power >= 0 and len(digits) + power <= MOST_DIGITS:
        return int(sign + digits + "0" * power)
    if math.isfinite(number) and _normal(repr(number)) == (sign, digits, power):
        return number
    return Number(f"{sign}{digits}e{power}")


def _refuse(text):
    raise ValueError(text)


def _parsed(text):
    """Return the value of a strict JSON text. Raises ValueError, RecursionError."""
    try:
        return json.loads(text, parse_float=_number, parse_constant=_refuse)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number with more digits than Python's int reads; only then, as it is slower
        return json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_refuse)


def _digest(value):
    """Return the digest of a parsed value.

    A Number is hashed as an object {"number": text}. A prefix keeps its value apart from a real object of that form.
    """
    found = []

    def as_object(number):
        found.append(number)
        return {"number": number.text}

    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=as_object)
    return hashlib.sha256(b"numbers\0" * bool(found) + text.encode()).hexdigest()[:32]


def _check_depth(value, data):
    """Raise ValueError for a value that is nested too deeply; `data` is its text."""
    brackets = data.translate(None, _NO_BRACKETS)
    for _ in range(MOST_DEEP):
        if not brackets:
            return  # so many times all innermost pairs were taken away
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    level = [value]  # it is deep, or its texts hold brackets
    for _ in range(MOST_DEEP + 1):
        inner = (child for one in level for child in (one.values() if type(one) is dict else one))
        level = [child for child in inner if type(child) in (dict, list)]
        if not level:
            return
    raise ValueError("nested too deeply")


def load(data):
    """Return (value, digest) of a JSON file's bytes, or None when they are no strict JSON or nested too deeply."""
    try:
        value = _parsed(data.decode("utf-8-sig"))
        _check_depth([value], data)
        return value, _digest(value)
    except (ValueError, RecursionError):
        return None


def load_lines(data):
    """Return (list of values, digest) of a file with one JSON value a line, or None. Blank lines are skipped."""
    try:
        value = [_parsed(line) for line in data.decode("utf-8-sig").split("\n") if line.strip()]
        _check_depth(value, data)
        return value, _digest(value)
    except (ValueError, RecursionError):
        return None


def equal(old, new):
    """Return whether two parsed values are the same JSON. Python's own == does not tell True from 1."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if old != new:
        return False
    if not isinstance(old, (dict, list)) or _marshalled(old) == _marshalled(new):
        return True  # equal bytes show it in one step; unequal ones may still be 1 and 1.0
    if isinstance(old, list):
        return all(map(equal, old, new))
    return all(equal(value, new[key]) for key, value in old.items())


def holds_number(value):
    """Return whether there is a Number in an object or list."""
    return not isinstance(_marshalled(value), bytes)


def _marshalled(value):
    """Return bytes that are equal only for values of the same types. A value with a Number gives an object that equals
    nothing."""
    try:
        return marshal.dumps(value, 2)
    except ValueError:  # marshal knows no Number
        return object()
