"""Replies of servers, in all the shapes that they come in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from engine.errors import ModelError
from engine.exporting.json import dump_bytes
from engine.exporting.record import read, record_of
from engine.llms._wire import Reply, parse_reply
from engine.types import ModelCall, Tool, ToolCall, Trajectory, Turn
from tests.samples.trajectories import mixed_trajectories

TOOLS = [
    Tool(
        name="get_order",
        description="x",
        parameters={"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        effect="read",
    ),
    Tool(name="list_orders", description="x", parameters={"type": "object", "properties": {}}, effect="read"),
]
CALL = ToolCall(id="c1", name="get_order", arguments={"id": "A1"})
GIVEN = {"name": "get_order", "arguments": '{"id": "A1"}'}


def reply(message: dict[str, Any], finish: str = "stop") -> Reply:
    return parse_reply({"choices": [{"message": message, "finish_reason": finish}]}, [], TOOLS)


def native(function: dict[str, Any], finish: str = "tool_calls") -> Reply:
    return reply({"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}, finish)


def test_a_usual_call_says_nothing_of_itself() -> None:
    found = native(GIVEN)
    assert found.turn.tool_calls == (CALL,)
    assert (found.text_calls, found.repaired_calls, found.raw) == (0, 0, None)
    assert reply({"content": " Done. "}).raw is None


@pytest.mark.parametrize(
    "name", ["functions.get_order", "get_order<|channel|>commentary", "get_order:0", ' "get_order"']
)
def test_names_of_calls_are_cleaned(name: str) -> None:
    found = native(GIVEN | {"name": name})
    assert found.turn.tool_calls == (CALL,)
    assert json.loads(found.raw or "") == {"content": "", "tool_calls": [GIVEN | {"name": name}]}


def test_a_name_that_means_no_offered_tool_is_passed_on() -> None:
    found = native(GIVEN | {"name": "functions.fly"})
    assert ([call.name for call in found.turn.tool_calls], found.raw) == (["functions.fly"], None)


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "function_call": GIVEN},
        {"content": None, "tool_calls": [], "function_call": GIVEN},
        {"content": None, "tool_calls": {"id": "c1", "type": "function", "function": GIVEN}},
        {"content": None, "tool_calls": {"0": {"id": "c1", "function": GIVEN}}},
        {"content": None, "tool_calls": [{"id": "c1", **GIVEN}]},
        {"content": None, "tool_calls": [{"id": "c1", "function": GIVEN | {"arguments": {"id": "A1"}}}]},
        {"content": None, "tool_calls": [None, "x", {"function": GIVEN}]},
        {"content": [{"type": "text", "text": ""}], "tool_calls": [{"function": GIVEN}]},
    ],
)
def test_calls_come_in_other_shapes(message: dict[str, Any]) -> None:
    found = reply(message)
    assert [(call.name, call.arguments, call.raw) for call in found.turn.tool_calls] == [
        ("get_order", {"id": "A1"}, None)
    ]
    assert found.text_calls == 0


@pytest.mark.parametrize("calls", [None, 5, "x", [], {}, [None], ["x"]])
def test_what_is_no_call_is_none(calls: Any) -> None:
    assert reply({"content": "Hello.", "tool_calls": calls}).turn == Turn(role="assistant", content="Hello.")
    with pytest.raises(ModelError, match="neither text nor a tool call"):
        reply({"content": None, "tool_calls": calls})


@pytest.mark.parametrize("given", ["{'id': 'A1'}", '"{\\"id\\": \\"A1\\"}"', '\ufeff{"id": "A1"}'])
def test_arguments_in_another_writing_are_read_and_kept_as_they_came(given: str) -> None:
    found = native(GIVEN | {"arguments": given})
    assert found.turn.tool_calls == (CALL,)
    assert found.repaired_calls == 0
    assert json.loads(found.raw or "")["tool_calls"] == [GIVEN | {"arguments": given}]


def test_broken_arguments_are_repaired_and_counted() -> None:
    found = native(GIVEN | {"arguments": '{"id": "A1",'})
    assert found.turn.tool_calls == (CALL,)
    assert (found.text_calls, found.repaired_calls) == (0, 1)
    assert json.loads(found.raw or "")["tool_calls"] == [GIVEN | {"arguments": '{"id": "A1",'}]


@pytest.mark.parametrize(
    ("function", "finish"),
    [
        (GIVEN | {"arguments": '{"id": "A1",'}, "length"),
        (GIVEN | {"arguments": '{"id": "A-1'}, "tool_calls"),
        (GIVEN | {"arguments": '{"id": 1,}'}, "tool_calls"),
        ({"name": "fly", "arguments": '{"id": "A1",'}, "tool_calls"),
    ],
    ids=["cut", "half a text", "breaks the schema", "no such tool"],
)
def test_what_cannot_be_repaired_for_sure_stays_broken(function: dict[str, Any], finish: str) -> None:
    found = native(function, finish)
    assert found.turn.tool_calls == (ToolCall(id="c1", name=function["name"], raw=function["arguments"]),)
    assert (found.repaired_calls, found.raw) == (0, None)


@pytest.mark.parametrize("name", ["get order", "functions.get_order", "get_order<|channel|>commentary", " get_order "])
def test_names_of_calls_in_a_text_are_cleaned(name: str) -> None:
    found = reply({"content": f'<tool_call>{{"name": "{name}", "arguments": {{"id": "A1"}}}}</tool_call>'})
    assert [(call.name, call.arguments) for call in found.turn.tool_calls] == [("get_order", {"id": "A1"})]
    assert found.text_calls == 1


def test_broken_json_in_a_text_is_repaired_and_counted_twice() -> None:
    text = 'I look.\n<tool_call>\n{"name": "get_order", "arguments": {"id": "A1"}\n</tool_call>'
    found = reply({"content": text})
    assert [(call.name, call.arguments) for call in found.turn.tool_calls] == [("get_order", {"id": "A1"})]
    assert (found.turn.content, found.text_calls, found.repaired_calls, found.raw) == ("I look.", 1, 1, text)
    assert reply({"content": text}, "length").turn.tool_calls == ()


def test_a_text_that_was_cut_makes_no_half_call() -> None:
    text = "<tool_call>\n<function=get_order>\n<parameter=id>\nA1\n</parameter>\n"
    assert reply({"content": text}).turn.tool_calls[0].arguments == {"id": "A1"}
    assert reply({"content": text}, "length").turn == Turn(role="assistant", content=text.strip())


def test_a_thought_that_is_cut_out_is_kept_in_the_raw_reply() -> None:
    found = reply({"content": "<think>Hm.</think>\nYes."})
    assert (found.turn.content, found.turn.reasoning, found.raw) == ("Yes.", "Hm.", "<think>Hm.</think>\nYes.")


def test_what_a_server_hides_beside_a_call_stays_out_of_the_raw_reply() -> None:
    entry = {"id": "c1", "function": GIVEN | {"name": "functions.get_order"}, "extra_content": {"signature": "SECRET"}}
    found = reply({"content": "x", "tool_calls": [entry], "reasoning_details": "SECRET"})
    assert found.raw is not None
    assert "SECRET" not in found.raw


def test_half_characters_become_question_marks() -> None:
    found = reply(
        {"content": "a\ud83d", "reasoning_content": "b\udc00", "tool_calls": [{"id": "\ud800", "function": GIVEN}]}
    )
    assert (found.turn.content, found.turn.reasoning) == ("a\ufffd", "b\ufffd")
    broken = native({"name": "\ud800", "arguments": '{"id": "\ud83d"'})
    for turn in (found.turn, broken.turn, native(GIVEN | {"arguments": {"id": "\ud83d"}}).turn):
        assert Turn.model_validate_json(turn.model_dump_json()) == turn


def test_calls_count_repairs_and_stay_as_they_were_without() -> None:
    """Stored and exported bytes of older trajectories do not change."""
    call = ModelCall(role="teacher", model="m")
    assert "repaired_calls" not in call.model_dump_json()
    repaired = call.model_copy(update={"repaired_calls": 2})
    assert ModelCall.model_validate_json(repaired.model_dump_json()) == repaired
    trajectory = mixed_trajectories()[0].model_copy(update={"calls": (call, repaired)})
    body = trajectory.model_dump_json()
    assert Trajectory.model_validate_json(body).calls == (call, repaired)
    for written in (body, dump_bytes(read(body.encode())).decode(), dump_bytes(record_of(trajectory)).decode()):
        assert written.count("repaired_calls") == 1


@pytest.mark.parametrize("levels", [300, 900, 5000])
def test_arguments_that_are_nested_too_deeply_stay_text(levels: int) -> None:
    """Nobody could write such a trajectory."""
    given = f'{{"id": {"[" * levels}{"]" * levels}}}'
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    for message in (
        {"content": None, "tool_calls": [{"function": {"name": "list_orders", "arguments": given}}]},
        {"content": None, "tool_calls": [{"function": {"name": "functions.list_orders", "arguments": {"id": deep}}}]},
        {"content": f'{{"name": "get_order", "arguments": {given}}}'},
        {"content": f"<function=get_order><parameter=id>{given}</parameter></function>"},
        {"content": f"[get_order(id={'[' * levels}{']' * levels})]"},
    ):
        turn = reply(message).turn
        assert Turn.model_validate_json(turn.model_dump_json()) == turn
    assert (
        reply({"content": None, "tool_calls": [{"function": {"name": "x", "arguments": given}}]}).turn.tool_calls[0].raw
    )


def test_ids_that_we_give_are_nine_letters_and_digits_and_new_in_the_dialogue() -> None:
    written = f"<tool_call>{json.dumps({'name': 'get_order', 'arguments': {'id': 'A1'}})}</tool_call>" * 2
    body = {"choices": [{"message": {"content": written}, "finish_reason": "stop"}]}
    turns: list[Turn] = []
    for _ in range(3):
        turns.append(parse_reply(body, turns, TOOLS).turn)
    ids = [call.id for turn in turns for call in turn.tool_calls]
    assert len(set(ids)) == len(ids) == 6
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", id) for id in ids)
