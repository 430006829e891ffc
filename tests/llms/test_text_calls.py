"""Which texts are calls, and which are not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from engine.llms._calls.notation import Tools
from engine.llms._text_calls import find_calls
from engine.llms._wire import json_object
from engine.types import Tool

TOOLS: Tools = {"find": None, "move": None}
ONE = '{"name": "find", "arguments": {"id": 1}}'


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (ONE, ""),
        (f"[{ONE}]", ""),
        (f'{{"tool_calls": [{ONE}]}}', ""),
        ('{"tool": "find", "parameters": {"id": 1}}', ""),
        ('{"type": "function", "function": {"name": "find", "arguments": "{\\"id\\": 1}"}}', ""),
        (f"I look it up. {ONE}", "I look it up."),
        (f"First:\n```json\n{ONE}\n```\nthen more.", "First:\n\nthen more."),
        (f"```\n{ONE}\n```", ""),
        (f"<tool_call>{ONE}</tool_call>", ""),
        (f"<tool_call>\n{ONE}", ""),
        ('<function=find>{"id": 1}</function>', ""),
        ("```tool_code\nfind(id=1)\n```", ""),
        ("[find(id=1)]", ""),
        (f"[TOOL_CALLS] [{ONE}]", ""),
        (f"<|python_tag|>{ONE}", ""),
        ("```python\nprint(default_api.find(id=1))\n```", ""),
    ],
)
def test_one_call(text: str, rest: str) -> None:
    left, calls, _ = find_calls(text, TOOLS)
    assert [(call.name, call.arguments) for call in calls] == [("find", {"id": 1})]
    assert left == rest


@pytest.mark.parametrize(
    "text",
    [
        f'{ONE}\n{{"name": "move", "arguments": {{}}}}',
        f'[{ONE}, {{"name": "move", "arguments": {{}}}}]',
        f'<tool_call>{ONE}</tool_call>\n<tool_call>{{"name": "move", "arguments": {{}}}}</tool_call>',
        "[find(id=1), move()]",
    ],
)
def test_two_calls(text: str) -> None:
    left, calls, _ = find_calls(text, TOOLS)
    assert [call.name for call in calls] == ["find", "move"]
    assert left == ""


@pytest.mark.parametrize(
    "text",
    [
        "I can find that for you.",
        '{"name": "other", "arguments": {}} is not what find does.',
        '{"name": "find"}',
        '{"name": "find", "arguments": {}, "price": 3}',
        "```python\nimport os\nfind(id=os.getcwd())\n```",
        "```tool_code\nfind(1)\n```",
        'The list is ["find", "move"].',
        '<tool_call>{"name": "find", "argum',
    ],
)
def test_no_call(text: str) -> None:
    assert find_calls(text, TOOLS) == (text, [], 0)


def test_broken_arguments_are_kept() -> None:
    _, calls, _ = find_calls('{"name": "find", "arguments": "{id: 1"}', TOOLS)
    assert (calls[0].arguments, calls[0].raw) == ({}, "{id: 1")


@pytest.mark.parametrize("part", ["{", "[", '{"find":', "find("])
def test_hostile_nesting_is_text(part: str) -> None:
    text = "find " + part * 20_000
    assert find_calls(text, TOOLS) == (text, [], 0)
    assert find_calls(f"```python\n{text}\n```", TOOLS)[1] == []
    assert json_object(text) is None


NOTE = Tool(
    name="note",
    description="x",
    parameters={"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    effect="write",
)
KNOWN: Tools = {"note": NOTE, "find": None}


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "note", "arguments": {"id": "A1"}',
        '{"name": "note", "arguments": {"id": "A1",}}',
        'I note it:\n{"name": "note", "arguments": {"id": "A1"}}}',
        '```json\n{"name": "note", "arguments": {"id": "A1"}\n```',
        '<tool_call>\n{"name": "note", "arguments": {"id": "A1"}\n</tool_call>',
        '<tool_call>{"name": "note", "arguments": "{id: \\"A1\\"}"}</tool_call>',
        '[TOOL_CALLS]note{"id": "A1"',
        '<function=note>{"id": "A1",}</function>',
        'Action: note\nAction Input: {"id": "A1"',
    ],
)
def test_broken_json_is_repaired_where_the_call_then_fits_its_tool(text: str) -> None:
    found = find_calls(text, KNOWN)
    assert [(call.name, call.arguments, call.raw) for call in found.calls] == [("note", {"id": "A1"}, None)]
    assert found.repaired == 1
    assert not find_calls(text, KNOWN, cut=True).repaired
    assert not find_calls(text, {"note": None}).repaired


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "note", "arguments": {"id": 1,}}',
        '{"name": "note", "arguments": {"id": "A1"} and then I am done',
        '{"name": "note", "arguments": {"id": "A-1',
        '<tool_call>{"name": "note", "arguments": {"id": "A1", "colour": "red",}}</tool_call>',
        '<tool_call>{"name": "fly", "arguments": {"note": "A1",}}</tool_call>',
    ],
)
def test_what_cannot_be_repaired_for_sure_stays_text(text: str) -> None:
    assert find_calls(text, KNOWN) == (text, [], 0)


def test_arguments_that_stay_broken_are_a_call_that_is_refused_where_name_and_end_are_there() -> None:
    found = find_calls("<function=note>{id of the order}</function>", KNOWN)
    assert [(call.name, call.raw) for call in found.calls] == [("note", "{id of the order}")]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (
            f"<tool_call>{ONE}</tool_call>\n<tool_call>{{'name': 'fly'}}</tool_call>",
            "<tool_call>{'name': 'fly'}</tool_call>",
        ),
        (f"Both.\n```json\n{ONE}\n```\nand\n```json\n[1]\n```", "Both.\n\nand\n```json\n[1]\n```"),
        (f"\ufeff{ONE}<|im_end|>", ""),
    ],
)
def test_what_is_no_call_stays(text: str, rest: str) -> None:
    left, calls, _ = find_calls(text, TOOLS)
    assert ([call.name for call in calls], left) == (["find"], rest)


@pytest.mark.parametrize(
    "text",
    [
        f'[{ONE}, {{"name": "fly", "arguments": {{}}}}]',
        f'{{"result": [{ONE}]}}',
        f'{{"note": "it is {ONE}',
        f'{{"a": [{ONE}',
        f'{{"a": [{ONE}}}]',
        f'{{"a":\n{ONE}',
        f"I send {ONE}",
        f"One:\n{ONE}\nTwo, later.",
        f"```json\n{ONE}\n``` is it.",
        "```python\nfind(id=1)\n```\nThis finds it.",
        "```python\nx = find(id=1)\n```",
        "See [find(id=1)]",
        "[find(id=1), fly()]",
        "[find(**{'id': 1})]",
        "[find(id=1).x]",
    ],
)
def test_more_that_is_no_call(text: str) -> None:
    assert find_calls(text, TOOLS) == (text, [], 0)


@pytest.mark.parametrize(
    "text",
    [
        f'<tool_call>{ONE}</tool_call>\n<function=move>{{"to": 2}}</function>',
        f'{ONE}\n<tool_call>{{"name": "move", "arguments": {{"to": 2}}}}</tool_call>',
        f'[TOOL_CALLS][{ONE}]\n<tool_call>{{"name": "move", "arguments": {{"to": 2}}}}\n<tool_call>',
    ],
)
def test_calls_in_two_notations_stay_in_their_order(text: str) -> None:
    found = find_calls(f"Both.\n{text}", TOOLS)
    assert [(call.name, call.arguments) for call in found.calls] == [("find", {"id": 1}), ("move", {"to": 2})]
    assert found.rest == "Both."
    assert find_calls(f"For example:\n{text}", TOOLS).calls == []


@pytest.mark.parametrize(
    "text",
    [
        f"<|im_start|>assistant\n{ONE}<|im_end|>",
        f"<|start_header_id|>assistant<|end_header_id|>\n\n{ONE}<|eot_id|>",
        f"<tool_call>{ONE}\n<tool_call>",
        f"<tool_call>{ONE}</tool>",
    ],
)
def test_what_a_template_leaves_around_a_call_is_no_text(text: str) -> None:
    left, calls, _ = find_calls(text, TOOLS)
    assert ([call.name for call in calls], left) == (["find"], "")


def test_a_second_call_that_was_cut_takes_the_first_with_it() -> None:
    text = f"<tool_call>{ONE}</tool_call>\n<tool_call>"
    assert find_calls(text, TOOLS, cut=True) == (text, [], 0)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"a </tool_call> b"', "a </tool_call> b"),
        ('"{\\"x\\": \\"</tool_call>\\"}"', '{"x": "</tool_call>"}'),
        ('{"a": {"b": [{"c": "}]}"}]}}', {"a": {"b": [{"c": "}]}"}]}}),
        ('"Zoë 李 😀 \\u00e9"', "Zoë 李 😀 é"),
        ('"```"', "```"),
        ('"<think>no</think>"', "<think>no</think>"),
        ("null", None),
    ],
)
def test_arguments_that_look_like_marks(written: str, value: Any) -> None:
    text = f'I look.\n<tool_call>\n{{"name": "find", "arguments": {{"id": {written}}}}}\n</tool_call>'
    found = find_calls(text, TOOLS)
    assert [(call.arguments, call.raw) for call in found.calls] == [({"id": value}, None)]
    assert found.rest == "I look."


@pytest.mark.parametrize("empty", ["", ', "arguments": {}', ', "arguments": ""', ', "arguments": null'])
def test_a_call_in_tags_may_have_no_arguments(empty: str) -> None:
    found = find_calls(f'<tool_call>{{"name": "find"{empty}}}</tool_call>', TOOLS)
    assert [(call.name, call.arguments) for call in found.calls] == [("find", {})]


def test_a_parameter_whose_end_is_missing_is_read_only_where_it_is_clear() -> None:
    begin = "<function=find>\n<parameter=id>\nA1\n"
    assert find_calls(f"{begin}</function>", TOOLS).calls[0].arguments == {"id": "A1"}
    unclear = f"{begin}<parameter=to>\n2\n</parameter>\n</function>"
    assert find_calls(unclear, TOOLS) == (unclear, [], 0)


LONG = 200_000
CHANGING = f'<tool_call>{ONE}</tool_call><function=move>{{"to": 2}}</function>'
CALL_IN_TAGS = f"<tool_call>{ONE}</tool_call>"


@pytest.mark.parametrize(
    "piece", ["words find ", "- **x**: `y` [a](b) {c}\n", "[{", "<think>x</think> ", CALL_IN_TAGS, CHANGING, "\n"]
)
def test_long_texts_are_read_in_time(piece: str) -> None:
    filling = piece * (LONG // len(piece))
    in_argument = json.dumps({"name": "find", "arguments": {"id": filling}})
    started = time.process_time()
    find_calls(f"{filling} find", TOOLS)
    find_calls(f"{filling}\n{CALL_IN_TAGS}", TOOLS)
    find_calls(f"{CALL_IN_TAGS}{filling}", TOOLS)
    (call,) = find_calls(f"<tool_call>{in_argument}</tool_call>", TOOLS).calls
    assert call.arguments == {"id": filling}
    assert time.process_time() - started < 4, "four texts, each in well under a second on a busy machine"


def test_a_call_of_a_dotted_tool_in_python() -> None:
    assert find_calls("[math.sqrt(x=4)]", {"math.sqrt": None}).calls[0].name == "math.sqrt"
    assert find_calls("[api.v1.find(x=null, y=true)]", TOOLS).calls[0].arguments == {"x": None, "y": True}
