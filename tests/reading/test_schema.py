"""Calls are checked against their schema, and tools get the arguments in the schema's types."""

from __future__ import annotations

from typing import Any

import pytest

from engine.domains.signature import tools_from_source
from engine.reading.schema import argument_error, tidied
from engine.types import Tool, ToolCall

SOURCE = '''
def order(sku: str, number: int = 1, note: str | None = None) -> str:
    """Order something.

    Args:
        sku: Which.
        number: How many.
        note: What to know.

    Effect: write
    """
    return sku
'''


@pytest.fixture
def tool() -> Tool:
    return tools_from_source({"tools/t.py": SOURCE})[0]


def call(**arguments: Any) -> ToolCall:
    return ToolCall(id="c", name="order", arguments=arguments)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"sku": "A"}, None),
        ({"sku": "A", "number": True}, "number"),
        ({"sku": "A", "number": "2"}, "number"),
        ({"sku": 5}, "sku"),
        ({}, "required"),
        ({"sku": "A", "colour": "red"}, "colour"),
        ({"sku": None}, "sku"),
    ],
)
def test_wrong_arguments_are_named(tool: Tool, arguments: dict[str, Any], told: str | None) -> None:
    problem = argument_error(tool, tidied(tool, call(**arguments)))
    assert (problem is None) if told is None else (problem is not None and told in problem)


def test_a_null_of_an_optional_argument_means_its_default(tool: Tool) -> None:
    given = tidied(tool, call(sku="A", number=None, note=None))
    assert given.arguments == {"sku": "A"}
    assert argument_error(tool, given) is None


def test_a_whole_float_is_an_integer(tool: Tool) -> None:
    given = tidied(tool, call(sku="A", number=2.0))
    assert given.arguments["number"] == 2
    assert type(given.arguments["number"]) is int
    assert argument_error(tool, tidied(tool, call(sku="A", number=2.5))) is not None


def test_a_call_without_a_json_object_is_refused(tool: Tool) -> None:
    broken = ToolCall(id="c", name="order", raw="{sku")
    assert "not a JSON object" in str(argument_error(tool, tidied(tool, broken)))
