"""Which texts are calls, and which are not."""

from __future__ import annotations

import pytest

from engine.llms._calls.notation import Tools
from engine.llms._text_calls import find_calls
from engine.llms._wire import json_object

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
