"""The dialects of many formats are read alike, and the report names what was read in another form than written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.exporting.export_steps import exported
from tests.importers.reading import TOOL, calls, imported, one, says


@pytest.mark.parametrize(
    "more",
    [
        {"reasoning_content": "why"},
        {"reasoning": "why"},
        {"thinking": "why"},
        {"thought": "why"},
        {"reasoning": {"text": "why"}},
        {"reasoning_details": [{"type": "reasoning.text", "text": "why", "index": 0}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "why", "signature": "s"}]},
        {"reasoning_content": None, "reasoning": "why"},
        {"reasoning": "why", "reasoning_details": [{"text": "why"}]},
    ],
)
def test_reasoning_lands_in_the_turn_under_any_name(more: dict[str, Any]) -> None:
    found, told = one(says("Yes.", **more))
    assert (found.turns[1].reasoning, found.turns[1].content) == ("why", "Yes.")
    assert told["lost"] == {}
    assert exported("chat_jsonl", [found])[0][0]["messages"][1]["reasoning_content"] == "why"


@pytest.mark.parametrize(
    "text", ["<think>why</think>Yes.", "<think>\nwhy\n</think>\n\nYes.", "<thinking>why</thinking>Yes."]
)
def test_think_tags_are_reasoning(text: str) -> None:
    found, told = one(says(text))
    assert (found.turns[1].reasoning, found.turns[1].content) == ("why", "Yes.")
    assert told["changed"] == {"think_tags_read": 1}


def test_a_second_thought_that_says_something_else_is_told() -> None:
    found, told = one(says(reasoning="a", thinking="b"))
    assert found.turns[1].reasoning == "a"
    assert told["lost"] == {"messages.thinking": 1}


@pytest.mark.parametrize(
    "parts",
    [[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], ["a", "b"], {"type": "text", "text": "ab"}],
)
def test_content_parts_are_joined(parts: Any) -> None:
    found, told = one(says(parts))
    assert found.turns[1].content == "ab"
    assert told["changed"] == {"content_parts_joined": 1}


def test_a_thought_among_the_parts_is_reasoning() -> None:
    found, _ = one(says([{"type": "thinking", "thinking": "why"}, {"type": "text", "text": "Yes."}]))
    assert (found.turns[1].reasoning, found.turns[1].content) == ("why", "Yes.")


def test_a_part_that_is_no_text_sets_the_record_aside() -> None:
    found, told = imported(
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, says()]}
    )
    assert found == []
    assert "field messages.1, field content.1: is a part of kind 'image_url'" in told["reasons"][0]["reason"]


def test_a_result_that_was_no_text_is_written_as_json() -> None:
    made = calls({"word": "a"}, id="c")
    found, told = one(made, {"role": "tool", "tool_call_id": "c", "content": {"hits": [1]}}, says(), tools=[TOOL])
    assert found.turns[2].content == '{"hits": [1]}'
    assert told["changed"] == {"result_written_as_json": 1}


def test_developers_and_functions_are_systems_and_tools() -> None:
    rows = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "function_call": {"name": "look_up", "arguments": '{"word": "a"}'}},
        {"role": "function", "name": "look_up", "content": "b"},
        says(),
    ]
    found, told = imported({"messages": rows, "functions": [TOOL]})
    assert [turn.role for turn in found[0].turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert found[0].turns[3].tool_call_id == found[0].turns[2].tool_calls[0].id
    assert set(told["changed"]) == {"developer_role", "function_role", "function_call", "results_paired_by_position"}
    assert exported("chat_jsonl", found)[1]["dropped"] == {}


# ---------------------------------------------------------------- system


@pytest.mark.parametrize("column", ["system", "system_prompt"])
def test_a_system_column_becomes_the_system_turn(column: str) -> None:
    found, told = one(says(), **{column: "Be short."})
    assert [(turn.role, turn.content) for turn in found.turns[:2]] == [("system", "Be short."), ("user", "Hi")]
    assert told["lost"] == {}
    prompt = {"prompt": [{"role": "user", "content": "a"}], "completion": [says()], column: "Be short."}
    assert imported(prompt)[0][0].turns[0].content == "Be short."


def test_a_system_column_beside_a_system_turn_is_told() -> None:
    both = {"messages": [{"role": "system", "content": "A"}, {"role": "user", "content": "a"}, says()]}
    found, told = imported(both | {"system": "B"}, both | {"system": "A"}, both | {"system": None})
    assert {t.turns[0].content for t in found} == {"A"}
    assert [turn.role for turn in found[0].turns] == ["system", "user", "assistant"]
    assert told["lost"] == {"system beside a system turn": 1}
    twice = [
        {"role": "system", "content": "A"},
        {"role": "developer", "content": "B"},
        {"role": "user", "content": "a"},
    ]
    found, told = imported({"messages": [*twice, says()]})
    assert found[0].turns[0].content == "A\n\nB"
    assert told["changed"]["system_turns_joined"] == 1
    assert exported("chat_jsonl", found)[1]["exported"] == 1


# ---------------------------------------------------------------- tools


@pytest.mark.parametrize("column", ["tools", "tool_defs", "functions", "available_tools"])
@pytest.mark.parametrize("shape", ["nested", "flat", "text", "texts", "mcp", "anthropic", "parameters_text"])
def test_tools_are_read_from_any_column_in_any_shape(column: str, shape: str) -> None:
    flat = {key: TOOL[key] for key in ("name", "description")}
    shaped: Any = {
        "nested": [{"type": "function", "function": TOOL}],
        "flat": [TOOL],
        "text": json.dumps([TOOL]),
        "texts": [json.dumps(TOOL)],
        "mcp": [flat | {"inputSchema": TOOL["parameters"]}],
        "anthropic": [flat | {"input_schema": TOOL["parameters"]}],
        "parameters_text": [flat | {"parameters": json.dumps(TOOL["parameters"])}],
    }[shape]
    found, told = one(says(), **{column: shaped})
    assert [(t.name, t.description, t.parameters) for t in found.tools] == [
        (TOOL["name"], TOOL["description"], TOOL["parameters"])
    ]
    assert (told["lost"], told["changed"]) == ({}, {})


@pytest.mark.parametrize("nothing", ["", [], "[]", None, "null", {}, " {} ", [None], "[null, null]", False, "false"])
def test_no_tools_in_many_spellings(nothing: Any) -> None:
    found, told = one(says(), tools=nothing)
    assert found.tools == ()
    assert (told["lost"], told["changed"]) == ({}, {})


def test_nulls_in_a_tool_are_nothing_and_what_it_says_beside_is_told() -> None:
    padded = {
        "name": "f", "description": None, "strict": True, "annotations": None,
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "string", "enum": None, "default": None}, "b": None},
        },
    }  # fmt: skip
    found, told = one(says(), tools=[padded, {"name": "g", "description": None, "parameters": None}])
    assert [(t.description, t.parameters) for t in found.tools] == [
        ("", {"type": "object", "properties": {"a": {"type": "string", "default": None}}}),
        ("", {}),
    ]
    assert told["lost"] == {"tools.strict": 1}
    assert told["changed"] == {"tool_nulls_dropped": 1}


def test_two_columns_of_tools_are_told() -> None:
    _, told = one(says(), tools=[TOOL], functions=[{"name": "other"}])
    assert told["lost"] == {"functions": 1}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("dict", "object"), ("float", "number"), ("tuple", "array"), ("int", "integer"), ("bool", "boolean"),
        ("str", "string"), ("list", "array"), ("String", "string"), ("HashMap", "object"), ("List[str]", "array"),
        ("Dict[str, int]", "object"), ("str, optional", "string"), (["str", "None"], ["string", "null"]),
        ("any", None), ("date of birth", None),
    ],
)  # fmt: skip
def test_types_of_python_become_those_of_json_schema_and_are_remembered(written: Any, read: Any) -> None:
    parameters = {"type": "dict", "properties": {"type": {"type": written}, "other": {"type": "string"}}}
    found, told = one(says(), tools=[{"name": "f", "parameters": parameters}])
    schema = found.tools[0].parameters
    assert schema["type"] == "object"
    assert schema["properties"]["type"].get("type") == read
    assert schema["properties"]["other"] == {"type": "string"}
    assert found.imported["tool_types"] == {"f": {"": "dict", "/properties/type": written}}
    assert told["changed"] == {"tool_types_mapped": 1}
    assert bool(told["noted"]) == (written == "date of birth")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"$ref": "#/$defs/Gone"}, "$ref '#/$defs/Gone' leads nowhere"),
        ({"$ref": "https://example.invalid/s.json"}, "leads out of the schema"),
        ({"$ref": "other.json#/x"}, "leads out of the schema"),
        ({"$ref": "#/properties/q"}, "leads round in a circle"),
        ({"allOf": [{"$ref": "#/properties/q"}]}, "leads round in a circle"),
        ({"$ref": 5}, "no valid JSON Schema"),
        ({"type": "string", "required": True}, "no valid JSON Schema at properties/q/required"),
        ({"type": "string", "pattern": "("}, "no valid JSON Schema at properties/q/pattern"),
    ],
)
def test_a_schema_that_cannot_be_used_is_named(schema: dict[str, Any], told: str) -> None:
    tool = {"name": "f", "parameters": {"type": "object", "properties": {"q": schema}}}
    found, report = one(calls({"q": None}, "f"), {"role": "tool", "content": "x"}, says(), tools=[tool])
    assert found.tools[0].parameters == tool["parameters"]
    assert report["changed"]["tool_schema_not_checked"] == 1
    assert report["noted"][0]["line"] == 1
    assert told in report["noted"][0]["note"]
    assert report["noted"][0]["note"].startswith("tool f: ")


def test_a_tree_of_nodes_can_be_used() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    tool = {
        "name": "f",
        "parameters": {"type": "object", "properties": {"n": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}},
    }
    _, told = one(says(), tools=[tool])
    assert "tool_schema_not_checked" not in told["changed"]
    assert "refers to itself" in told["noted"][0]["note"]


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize("times", [1, 2, 3])
def test_arguments_that_were_encoded_again_are_decoded(times: int) -> None:
    text: Any = {"word": "ä"}
    for _ in range(times):
        text = json.dumps(text)
    found, told = one(calls(text, id="c"), {"role": "tool", "tool_call_id": "c", "content": "x"}, says(), tools=[TOOL])
    assert found.turns[1].tool_calls[0].arguments == {"word": "ä"}
    assert told["changed"] == ({"arguments_encoded_twice": 1} if times > 1 else {})


@pytest.mark.parametrize("nothing", [None, "null", '"null"', "", "{}", {}])
def test_no_arguments_in_many_spellings(nothing: Any) -> None:
    found, told = one(calls(nothing, id="c"), {"role": "tool", "tool_call_id": "c", "content": "x"}, says())
    assert (found.turns[1].tool_calls[0].arguments, found.turns[1].tool_calls[0].raw) == ({}, None)
    assert told["held_back"] == {}


@pytest.mark.parametrize("text", ['{"word": "\\ud800"}', '{"word": "x"', "word=x", "[1]", '"{"', "5", '{"a": NaN}'])
def test_broken_arguments_are_kept_as_they_are_and_stay_here(text: str) -> None:
    found, told = one(calls(text, id="c"), {"role": "tool", "tool_call_id": "c", "content": "no"}, says(), tools=[TOOL])
    call = found.turns[1].tool_calls[0]
    assert (call.raw, call.arguments) == (text, {})
    assert told["held_back"] == {"unparsable_call": 1}
    assert told["changed"] == {"broken_arguments_kept_raw": 1}
    assert exported("chat_jsonl", [found])[1]["dropped"] == {"unparsable_call": 1}


def test_padding_goes_only_where_a_null_is_not_allowed() -> None:
    given = {"word": "a", "most": None, "note": None, "near": {"lat": 1.5, "name": None}, "elsewhere": None}
    found, told = one(calls(given, id="c"), {"role": "tool", "tool_call_id": "c", "content": "x"}, says(), tools=[TOOL])
    assert found.turns[1].tool_calls[0].arguments == {"word": "a", "note": None, "near": {"lat": 1.5}}
    assert told["changed"] == {"null_arguments_dropped": 1}
    written = json.dumps(given)
    found, told = one(
        calls(written, id="c"), {"role": "tool", "tool_call_id": "c", "content": "x"}, says(), tools=[TOOL]
    )
    assert found.turns[1].tool_calls[0].arguments == given, "what stands in JSON text was written, not padded"
    assert told["changed"] == {}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "null"},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"enum": ["a", None]},
        {"nullable": True, "type": "string"},
        {"$ref": "#/$defs/N"},
    ],
)
def test_a_null_that_is_allowed_stays(schema: dict[str, Any]) -> None:
    parameters = {"type": "object", "properties": {"a": schema}, "$defs": {"N": {"type": ["null", "string"]}}}
    found, _ = one(calls({"a": None}, "f"), says(), tools=[{"name": "f", "parameters": parameters}])
    assert found.turns[1].tool_calls[0].arguments == {"a": None}


def test_results_without_an_id_belong_to_the_open_call_of_their_name() -> None:
    both = {"role": "assistant", "tool_calls": [{"function": {"name": n, "arguments": {}}} for n in ("f", "g")]}
    found, told = one(both, {"role": "tool", "name": "g", "content": "2"}, {"role": "tool", "content": "1"}, says())
    ids = {call.name: call.id for call in found.turns[1].tool_calls}
    assert [(t.tool_call_id, t.content) for t in found.turns[2:4]] == [(ids["g"], "2"), (ids["f"], "1")]
    assert told["changed"] == {"results_paired_by_position": 1}
    assert exported("chat_jsonl", [found])[1]["exported"] == 1


def test_calls_that_share_an_id_are_told_apart() -> None:
    both = {
        "role": "assistant",
        "tool_calls": [{"id": "x", "function": {"name": n, "arguments": {}}} for n in ("f", "g")],
    }
    found, told = one(both, *({"role": "tool", "tool_call_id": "x", "content": n} for n in "12"), says())
    assert len({call.id for call in found.turns[1].tool_calls}) == 2
    assert [t.tool_call_id for t in found.turns[2:4]] == [call.id for call in found.turns[1].tool_calls]
    assert told["changed"] == {"repeated_call_id_renamed": 1, "results_paired_by_position": 1}


def test_a_call_without_result_is_kept_and_said() -> None:
    found, told = one(calls({"word": "a"}, id="c"), says(), tools=[TOOL])
    assert len(found.turns) == 3
    assert told["held_back"] == {"call_without_result": 1}


def test_messages_and_calls_as_json_text() -> None:
    made = calls({"word": "a"}, id="c")
    made["tool_calls"] = json.dumps(made["tool_calls"])
    rows = [{"role": "user", "content": "a"}, made, {"role": "tool", "tool_call_id": "c", "content": "x"}, says()]
    found, told = imported({"messages": json.dumps(rows), "tools": [TOOL]})
    assert found[0].turns[1].tool_calls[0].arguments == {"word": "a"}
    assert told["changed"] == {"messages_decoded": 1, "tool_calls_decoded": 1}
    said = json.dumps([{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}])
    found, told = imported({"conversations": said}, format="llamafactory")
    assert len(found[0].turns) == 2
    assert told["changed"] == {"messages_decoded": 1}


def test_flat_calls_are_read() -> None:
    flat = {"role": "assistant", "tool_calls": [{"id": "c", "name": "look_up", "arguments": {"word": "a"}}]}
    found, told = one(flat, {"role": "tool", "tool_call_id": "c", "content": "x"}, says(), tools=[TOOL])
    assert found.turns[1].tool_calls[0].arguments == {"word": "a"}
    assert told["lost"] == {}
