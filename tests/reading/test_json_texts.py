"""JSON of strangers that is not quite JSON, and Python literals in its place."""

from __future__ import annotations

import codecs
from typing import Any

import pytest

from engine.reading.json_value import first, loads_leniently, without_surrogates
from engine.reading.python_source import literal


@pytest.mark.parametrize(
    "data",
    [
        '{"a": "é"}',
        '\ufeff{"a": "é"}',
        codecs.BOM_UTF8 + '{"a": "é"}'.encode(),
        '{"a": "é"}'.encode("utf-16"),
        b'{"a": "\\u00e9"}',
    ],
)
def test_byte_order_marks_are_passed_over(data: str | bytes) -> None:
    assert loads_leniently(data) == {"a": "é"}


def test_half_characters_are_replaced_and_whole_ones_joined() -> None:
    assert loads_leniently('{"\\ud83d": ["\\udc00x"]}') == {"\ufffd": ["\ufffdx"]}
    assert loads_leniently(b'["\xed\xa0\xbd\xed\xb8\x80", "\xed\xa0\xbd"]') == ["😀", "\ufffd"]
    assert without_surrogates({"\ud83d": ("x", 1, None)}) == {"\ufffd": ["x", 1, None]}
    assert without_surrogates("é😀") == "é😀"


@pytest.mark.parametrize("data", ["", "{", "NaN", "1e999", "[" * 9000, b"\xff\xfe{", b'"\xc3"', "{} {}"])
def test_what_is_no_json_is_refused(data: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever the reader says
        loads_leniently(data)


def test_the_value_at_a_place() -> None:
    assert first('x {"a": 1} y', 2) == ({"a": 1}, 10)
    assert first('["\\ud83d"]') == (["\ufffd"], 10)
    assert first('"two\nlines"', strict=False) == ("two\nlines", 11)
    for text in ('"two\nlines"', "NaN", "[1e999]", "[" * 9000):
        with pytest.raises(ValueError):  # noqa: PT011
            first(text)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{'a': None, 'b': (1, 2.5), 'c': [True, 'x']}", {"a": None, "b": [1, 2.5], "c": [True, "x"]}),
        ("{'a': null, 'b': true}", {"a": None, "b": True}),
        ("'\\ud83d'", "\ufffd"),
        ("-5", -5),
    ],
)
def test_a_literal_is_read(source: str, value: Any) -> None:
    assert literal(source) == value


@pytest.mark.parametrize(
    "source", ["", "x", "f()", "{1: 2}", "{'a'}", "b'x'", "1j", "1e999", "a = 1", "1\n2", "[" * 9000, "'a' if 1 else 2"]
)
def test_what_json_cannot_hold_is_refused(source: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        literal(source)
