"""Values without a type become what the tool's schema says."""

from __future__ import annotations

from typing import Any

import pytest

from engine.llms._calls.bare_texts import StringText, Text, typed

ANY_OF = {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def one(text: str, schema: Any, **more: Any) -> Any:
    return typed({"x": Text(text)}, {"type": "object", "properties": {"x": schema}, **more})["x"]


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("17", {"type": "string"}, "17"),
        (" a\n", {"type": "string"}, " a\n"),
        ("null", {"type": "string"}, "null"),
        ("17", {"type": "integer"}, 17),
        (" 17 ", {"type": "integer"}, 17),
        ("17.0", {"type": "integer"}, 17),
        ("17.5", {"type": "number"}, 17.5),
        ("true", {"type": "boolean"}, True),
        ("True", {"type": "boolean"}, True),
        ("FALSE", {"type": "boolean"}, False),
        ("null", {"type": ["string", "null"]}, None),
        ("None", {"type": ["integer", "null"]}, None),
        ("nobody", {"type": ["string", "null"]}, "nobody"),
        ("5", ANY_OF, 5),
        ("five", ANY_OF, "five"),
        ("[1, 2]", {"type": "array"}, [1, 2]),
        ("['a', (1, 2)]", {"type": "array"}, ["a", [1, 2]]),
        ('{"a": null}', {"type": "object"}, {"a": None}),
        ("{'a': None}", {"type": "object"}, {"a": None}),
        ('{"a": 1}', {"type": "string"}, '{"a": 1}'),
        ("3", {"enum": [1, 2, 3]}, 3),
        ("red", {"enum": ["red", "blue"]}, "red"),
        ("\nred ", {"type": "string", "enum": ["red", "blue"]}, "red"),
        ('"red"', {"enum": ["red", "blue"]}, "red"),
        ("3", {"const": 3}, 3),
        ("4", {"type": "string", "nullable": True}, "4"),
        ("null", {"type": "string", "nullable": True}, None),
        ("4", {}, 4),
        ("four", {}, "four"),
        ("[1]", {}, [1]),
    ],
)
def test_values_get_their_type(text: str, schema: dict[str, Any], value: Any) -> None:
    found = one(text, schema)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("many", {"type": "integer"}, "many"),
        ("17.5", {"type": "integer"}, 17.5),
        ("yes", {"type": "boolean"}, "yes"),
        ("1 + 1", {"type": "integer"}, "1 + 1"),
        ("[1, 2", {"type": "array"}, "[1, 2"),
        ("[open('x')]", {"type": "array"}, "[open('x')]"),
    ],
)
def test_what_fits_nothing_stays_for_the_schema_check(text: str, schema: dict[str, Any], value: Any) -> None:
    assert one(text, schema) == value


def test_references_are_followed_and_circles_left() -> None:
    defs = {"Amount": {"type": "integer"}, "Round": {"anyOf": [{"$ref": "#/$defs/Round"}, {"$ref": "#/$defs/Round"}]}}
    assert one("5", {"$ref": "#/$defs/Amount"}, **{"$defs": defs}) == 5
    assert one("5", {"$ref": "#/$defs/Round"}, **{"$defs": defs}) == 5
    assert one("5", {"$ref": "#/nowhere"}) == 5


def test_a_value_that_its_notation_calls_a_string_stays_one() -> None:
    properties = {"a": ANY_OF, "b": {"type": "integer"}}
    found = typed({"a": StringText("5"), "b": StringText("5"), "c": StringText("5")}, {"properties": properties})
    assert found == {"a": "5", "b": 5, "c": "5"}
    assert [type(value) for value in found.values()] == [str, int, str]


def test_values_with_a_type_are_left_alone() -> None:
    assert typed({"x": "5", "y": 5}, {"properties": {"x": {"type": "integer"}}}) == {"x": "5", "y": 5}
