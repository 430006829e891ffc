"""Arguments as models write them: what is read, what is repaired, and what stays broken."""

from __future__ import annotations

import time
from typing import Any

import pytest

from engine.llms._calls.arguments import object_in, repaired
from engine.types import Tool

PARAMETERS = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "number": {"type": "number"},
        "tags": {"type": "array"},
        "flag": {"type": "boolean"},
    },
    "required": ["id"],
}
TOOL = Tool(name="find", description="x", parameters=PARAMETERS, effect="read")


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        (None, {}),
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ({"id": 1}, {"id": 1}),
        ('{"id": 1}', {"id": 1}),
        ('\ufeff{"id": 1}', {"id": 1}),
        ('"{\\"id\\": 1}"', {"id": 1}),
        (
            "{'id': 'A1', 'flag': True, 'more': None, 'pair': (1, 2)}",
            {"id": "A1", "flag": True, "more": None, "pair": [1, 2]},
        ),
        ('{"id": "\\ud83d"}', {"id": "\ufffd"}),
        ('{"id": "\\ud83d\\ude00"}', {"id": "😀"}),
    ],
)
def test_what_is_read(given: Any, arguments: dict[str, Any]) -> None:
    assert object_in(given) == arguments


@pytest.mark.parametrize(
    "given",
    [
        "[1]",
        "5",
        5,
        [1],
        '{"id": 1',
        '{"id": 1,}',
        "find",
        "{'id'}",
        "{1: 2}",
        "{'id': open('x')}",
        "{'id': b'x'}",
        "[" * 9000,
    ],
)
def test_what_is_no_object(given: Any) -> None:
    assert object_in(given) is None


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"id": "A1"', {"id": "A1"}),
        ('{"id": "A1",}', {"id": "A1"}),
        ('{"id": "A1"}}', {"id": "A1"}),
        ('{id: "A1"}', {"id": "A1"}),
        ('{"id": A1}', {"id": "A1"}),
        ("{“id”: “A1”}", {"id": "A1"}),
        ('{"id": "A1" "number": 19.90}', {"id": "A1", "number": 19.9}),
        ('{"id": "A1", "number": -3', {"id": "A1", "number": -3}),
        ('{"id": "A1", "tags": [1, 2}', {"id": "A1", "tags": [1, 2]}),
        ('{"id": "A1", "flag": True}', {"id": "A1", "flag": True}),
        ('{"id": "he said "hi" twice"}', {"id": 'he said "hi" twice'}),
        ('{"id": "two\nlines"}', {"id": "two\nlines"}),
        ('```json\n{"id": "A1",}\n```', {"id": "A1"}),
    ],
)
def test_what_is_repaired(text: str, arguments: dict[str, Any]) -> None:
    assert repaired(text, TOOL) == arguments


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"id": "A-1', "the text may go on"),
        ('{"id": ', "nothing is given"),
        ('{"id": "A1", "number": , "flag": true}', "nothing is given"),
        ('{"id": "A1"} and then', "words would be lost"),
        ('{"id": "A1", "id": "B2",}', "a value would be lost"),
        ('{"id": "A1" // the order\n}', "words would be lost"),
        ('{"id": "A1", "number": 007}', "digits would be lost"),
        ('{"id": NaN}', "it is no text"),
        ('{"id": 5,}', "it breaks the schema"),
        ('{"number": 5,}', "a required argument is missing"),
        ('{"id": "A1", "colour": "red",}', "there is no such argument"),
        ("the order A1", "it is no object"),
        ('["A1",]', "it is no object"),
        ("{" * 9000, "it is hostile"),
        ('{"a" ' * 9000, "it is hostile"),
    ],
)
def test_what_stays_broken(text: str, why: str) -> None:
    started = time.process_time()
    assert repaired(text, TOOL) is None, why
    assert time.process_time() - started < 30, "a library that takes minutes for hostile texts is kept from them"


def test_nothing_is_repaired_without_a_schema_that_can_be_used() -> None:
    text = '{"id": "A1",}'
    assert repaired(text, None) is None
    for parameters in ({"$ref": "#/nowhere"}, {"type": "no_such_type"}):
        assert repaired(text, TOOL.model_copy(update={"parameters": parameters})) is None


def test_a_schema_that_takes_any_argument_takes_a_repaired_one() -> None:
    free = TOOL.model_copy(update={"parameters": {"type": "object", "additionalProperties": True}})
    assert repaired('{"colour": "red",}', free) == {"colour": "red"}
