"""Which texts are calls, and which are not."""

from __future__ import annotations

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


def test_a_call_of_a_dotted_tool_in_python() -> None:
    assert find_calls("[math.sqrt(x=4)]", {"math.sqrt": None}).calls[0].name == "math.sqrt"
    assert find_calls("[api.v1.find(x=null, y=true)]", TOOLS).calls[0].arguments == {"x": None, "y": True}
