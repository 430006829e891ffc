"""The llamafactory importer: sharegpt rows of other tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine import plugins
from engine.errors import InputError
from engine.types import Trajectory

PARALLEL = '[{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]'


def read(*said: tuple[str, Any], **more: Any) -> Trajectory:
    importer = plugins.load("importers", "llamafactory")
    row = {"conversations": [{"from": who, "value": value} for who, value in said]} | more
    return next(importer.make(importer.config()).trajectories([json.dumps(row).encode()], "lf.jsonl"))


def test_results_belong_to_the_calls_before_them() -> None:
    joined = "one\n</tool_response>\n<tool_response>\ntwo"
    found = read(
        ("human", "a"), ("function_call", PARALLEL), ("observation", joined), ("gpt", "done"), system="Be kind."
    )
    assert [turn.role for turn in found.turns] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    ids = [call.id for call in found.turns[2].tool_calls]
    assert [(t.tool_call_id, t.name, t.content) for t in found.turns[3:5]] == [
        (ids[0], "f", "one"),
        (ids[1], "g", "two"),
    ]


def test_thoughts_before_calls_and_answers_are_read() -> None:
    found = read(
        ("human", "a"),
        ("function_call", '<think>\nwhy\n</think>\n\n{"name": "f", "arguments": {}}'),
        ("observation", "<think>\nno thought\n</think>\n\nx"),
        ("gpt", "<think>\nok\n</think>\n\ndone"),
    )
    assert [turn.reasoning for turn in found.turns] == [None, "why", None, "ok"]
    assert found.turns[3].content == "done"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([], "field conversations: is empty"),
        ([("robot", "x")], "field conversations.1, field speaker"),
        ([("human", 5)], "field conversations.1, field value"),
        ([("human", "a"), ("function_call", "f(1)")], "field conversations.2: holds no JSON"),
        ([("human", "a"), ("function_call", "[]")], "holds no call"),
        ([("human", "a"), ("function_call", "[5]")], "call 1, field name"),
        ([("human", "a"), ("observation", "x")], "1 results stand behind 0 calls"),
        ([("human", "a"), ("function_call", PARALLEL), ("observation", "x")], "1 results stand behind 2 calls"),
        ([("human", "a"), ("function_call", PARALLEL), ("gpt", "x")], "has no observation"),
    ],
)
def test_a_refusal_names_line_and_field(said: list[tuple[str, Any]], told: str) -> None:
    with pytest.raises(InputError) as refused:
        read(*said)
    assert str(refused.value).startswith("lf.jsonl, line 1")
    assert told in str(refused.value)
