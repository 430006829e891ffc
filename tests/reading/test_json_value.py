"""JSON values: which are equal, and that reading loses no digit of a number."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.reading.json_value import MOST_DIGITS, canonical, loads, same

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        (True, 1, False),
        (False, 0, False),
        (True, True, True),
        (None, 0, False),
        (None, False, False),
        (None, "", False),
        ("1", 1, False),
        ([], {}, False),
        ([1, True], [1.0, True], True),
        ([1], [True], False),
        ({"a": 1, "b": None}, {"b": None, "a": 1.0}, True),
        ({"a": None}, {}, False),
        ({"a": {"b": [0]}}, {"a": {"b": [False]}}, False),
        (2**53 + 1, float(2**53), False),
        (10**30, 10**30 + 1, False),
        ((1, 2), [1, 2], True),
    ],
)
def test_same(one: Any, other: Any, alike: bool) -> None:
    assert same(one, other) is same(other, one) is alike
    assert (canonical(one) == canonical(other)) is alike


@given(VALUES)
def test_a_value_is_the_same_after_json(value: Any) -> None:
    written = json.dumps(value)
    try:
        read = loads(written)
    except ValueError:
        assert any(0xD800 <= ord(character) < 0xE000 for character in json.dumps(value, ensure_ascii=False))
        return
    assert same(read, value)
    assert canonical(read) == canonical(value)


@given(st.integers(min_value=-(10**400), max_value=10**400))
def test_whole_numbers_keep_their_digits(number: int) -> None:
    assert loads(f'{{"n": [{number}]}}') == {"n": [number]}


@pytest.mark.parametrize("length", [19, 20, 22, 400, MOST_DIGITS])
def test_a_long_whole_number_is_a_number(length: int) -> None:
    digits = "9" * length
    assert loads(digits) == int(digits)
    assert loads(f"-{digits[1:]}") == -int(digits[1:])


def test_a_longer_one_is_its_text() -> None:
    digits = "12" * 2500
    assert loads(f'{{"n": {digits}, "m": -{digits}, "t": "ü"}}') == {"n": digits, "m": f"-{digits}", "t": "ü"}
    for broken in (f'{{"n": {digits}', f"[{digits}, NaN]", f"[{digits}, 1e999]", f'[{digits}, "\\ud800"]'):
        with pytest.raises(ValueError):  # noqa: PT011  # the readers' own words
            loads(broken)


@pytest.mark.parametrize("broken", ["", "{", "NaN", "[1e999]", '"\\ud800"', "[" * 200_000, "{'a': 1}"])
def test_what_is_no_json_is_refused(broken: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        loads(broken)
