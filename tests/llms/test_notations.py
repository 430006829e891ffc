"""Every family's notation: its samples are read, what is rendered comes back, and no text is executed that only shows a
call. A file that is dropped into engine/llms/_notations is enrolled here; its renderer stands in renderers.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.llms import _notations
from engine.llms._calls.notation import Sample
from engine.llms._text_calls import _signs, find_calls, notations
from engine.llms._wire import parse_reply
from engine.types import Tool, Turn
from tests.llms.renderers import RENDERERS, Call, Renderer
from tests.needs import missing


def tool(name: str, /, **properties: Any) -> Tool:
    return Tool(name=name, description="x", effect="read", parameters={"type": "object", "properties": properties})


STRING = {"type": "string"}
SHOP = {
    one.name: one
    for one in (
        tool("get_order", id=STRING, full={"type": "boolean"}),
        tool("list_orders"),
        tool("set_note", id=STRING, text=STRING),
        tool("count_items", limit={"type": "integer"}, kinds={"type": "array", "items": STRING}),
        tool("find_person", name=STRING),
    )
}
"""The tools of the samples."""
WRITERS = [(name, one) for name, each in RENDERERS.items() for one in each]
IDS = [f"{name}-{one.__name__}" for name, one in WRITERS]
by_writer = pytest.mark.parametrize(("notation", "render"), WRITERS, ids=IDS)
ORDER: list[Call] = [("get_order", {"id": "A1"})]


def read(text: str) -> list[Call]:
    return [(call.name, call.arguments) for call in find_calls(text, SHOP).calls]


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(one, id=f"{name}-{number}")
        for name, notation in notations().items()
        for number, one in enumerate(notation.samples)
    ],
)
def test_samples_are_read(sample: Sample) -> None:
    found = find_calls(sample.text, SHOP)
    assert [(call.name, call.arguments) for call in found.calls] == list(sample.calls)
    assert (found.rest, found.repaired) == (sample.rest, 0)


@pytest.mark.parametrize("name", sorted(notations()))
def test_every_notation_shows_samples_and_is_rendered_here(name: str) -> None:
    assert len(notations()[name].samples) >= 2
    if name not in RENDERERS:
        missing(f"NOT TRIED: give the notation {name} a renderer in tests/llms/renderers.py.")


def forget() -> None:
    notations.cache_clear()
    _signs.cache_clear()


def test_a_file_that_is_dropped_in_is_used(tmp_path: Path) -> None:
    text = "@@ find_person Ann"
    assert read(text) == []
    (tmp_path / "at_signs.py").write_text(
        "from engine.llms._calls.notation import Notation, Sample, Written\n"
        "def read(place):\n"
        "    place.needs('@@')\n"
        "    name, _, given = place.text[place.at:].strip().partition(' ')\n"
        "    place.at = len(place.text)\n"
        "    return [Written(name, {'name': given})]\n"
        "NOTATION = Notation(begins=('@@',), read=read, samples=())\n"
    )
    _notations.__path__.append(str(tmp_path))
    forget()
    try:
        assert read(text) == [("find_person", {"name": "Ann"})]
    finally:
        _notations.__path__.remove(str(tmp_path))
        forget()
        sys.modules.pop(f"{_notations.__name__}.at_signs", None)


# ---------------------------------------------------------------- what is rendered comes back

PIECES = st.sampled_from(
    [
        *"ab 1-{}[]<>()\"'\\/=:,;|`\n\té☃😀",
        *(
            "</tool_call>",
            "<tool_call>",
            "</function>",
            "```",
            "[TOOL_CALLS]",
            "<|call|>",
            "Observation:",
            "true",
            "null",
        ),
        *('{"name": "find", "arguments": {}}', "<think>", "for example", "Action: find", "</think>", "find(a=1)"),
    ]
)
TEXT = st.lists(PIECES, max_size=10).map("".join)
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
# Line breaks on both sides of a bare value are taken for its layout: models put values on lines of their own, also
# where their template does not. So no text here begins and ends with one.
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXT.filter(lambda text: not (text.startswith("\n") and text.endswith("\n"))),
        "whole": st.integers(),
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.booleans(),
        "items": st.lists(VALUE, max_size=3),
        "object": st.dictionaries(st.sampled_from("abc"), VALUE, max_size=3),
        "nothing": st.none(),
    },
)
TYPES = {
    "text": "string",
    "whole": "integer",
    "number": "number",
    "flag": "boolean",
    "items": "array",
    "object": "object",
    "nothing": ["null", "integer"],
}
TYPED = {name: tool(name, **{key: {"type": kind} for key, kind in TYPES.items()}) for name in ("find", "write_note")}
CALLS = st.lists(st.tuples(st.sampled_from(sorted(TYPED)), ARGUMENTS), min_size=1, max_size=3)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
ENDS_ITSELF = ("</parameter>", "</arg_value>")
"""A text in which one of these stands just before a tag that closes the call ends it, for a reader of XML as for its
model; PIECES has none of them."""


@by_writer
@FEW
@given(calls=CALLS)
def test_what_is_rendered_is_read_back(notation: str, render: Renderer, calls: list[Call]) -> None:
    found = find_calls(render(calls), TYPED)
    assert json.dumps([(call.name, call.arguments) for call in found.calls]) == json.dumps(calls)
    assert (found.rest, found.repaired) == ("", 0)


@pytest.mark.parametrize("close", ENDS_ITSELF)
@by_writer
def test_a_closing_tag_amid_a_text_belongs_to_it(notation: str, render: Renderer, close: str) -> None:
    calls = [("set_note", {"id": "A1", "text": f"a {close} b <x>"})]
    assert read(render(calls)) == calls


@pytest.mark.parametrize("text", ["\n", "\n\n", "\na\n", " a ", "\ta"])
def test_line_breaks_of_a_value_are_kept_where_the_template_has_its_own(text: str) -> None:
    calls = [("set_note", {"id": "A1", "text": text})]
    assert read(RENDERERS["qwen3_coder"][0](calls)) == calls


@by_writer
def test_words_before_a_call_stay(notation: str, render: Renderer) -> None:
    if notations()[notation].alone:
        assert read(f"I look it up.\n{render(ORDER)}") == []
        return
    found = find_calls(f"I look it up.\n{render(ORDER)}\n", SHOP)
    assert ([(call.name, call.arguments) for call in found.calls], found.rest) == (ORDER, "I look it up.")


# ---------------------------------------------------------------- what only shows a call

QUOTED = [
    "You could write {} to see it.",
    "{} is what I would send.",
    "{}\n\nThis calls the tool.",
    "{}\nIt was shipped on 3 May.",
    '{}\nObservation: {"status": "shipped"}\nThought: I know it.\nFinal Answer: It was shipped.',
    "{}\n<tool_response>\nshipped\n</tool_response>\nIt was shipped.",
    "For example: {}",
    "For example:\n\n{}",
    "Here is an example of a call. It looks up A1.\n{}",
    "Here is an example:\n```\n{}\n```",
    "```xml\n{}\n```\nThis is how a call looks.",
    "In the documentation it says:\n\n```json\n{}\n```\n\nWould you like me to try?",
    "Use a format like this:\n{}",
    "If you want the order, send:\n{}",
    "Never send this: {}",
    "I called it already:\n{}\nand got nothing.",
    "The user wrote:\n{}",
    "The notation is `{}`",
    'He said "{}"',
    "(e.g. {})",
    "> {}",
    "```python\nprint('x')\n{}",
    "- call: {}, then wait",
    "<example>\n{}",
    "<example>\n{}\n</example>",
    "<think>I might {}</think>Hello.",
    "<think>I might {}",
    "Hello. <think>\nmaybe {}",
    "[THINK]{}[/THINK] Hello.",
    "[THINK]maybe\n{}",
    "<thought>\n{}",
    "例如：\n{}",
    "Zum Beispiel:\n{}",
    "Shall I do this?\n\n{}",
    "I cannot do the following:\n{}",
    "Once you confirm, I will send:\n{}",
    "<code>\n{}\n</code>",
    "User: show me\nAssistant: {}",
]


@by_writer
def test_a_call_that_is_only_shown_is_not_executed(notation: str, render: Renderer) -> None:
    texts = {around: around.replace("{}", render(ORDER), 1) for around in QUOTED}
    found = {around: find_calls(text, SHOP) for around, text in texts.items()}
    assert {around: one.calls for around, one in found.items() if one.calls} == {}
    assert {around: one.rest for around, one in found.items()} == texts


@by_writer
def test_nothing_is_executed_out_of_a_thought(notation: str, render: Renderer) -> None:
    for around in ("<think>{}</think>\nThe order is late.", "<think>\n{}", "Hello <think>{}</think>!"):
        message = {"content": around.replace("{}", f"I could look it up.\n{render(ORDER)}")}
        reply = parse_reply({"choices": [{"message": message, "finish_reason": "stop"}]}, [], list(SHOP.values()))
        assert reply.turn.tool_calls == (), around


@by_writer
def test_a_thought_of_harmony_holds_calls_of_other_families_only(notation: str, render: Renderer) -> None:
    """In harmony a message to a tool ends the thought before it."""
    call = render(ORDER)
    called = read(f"<|channel|>analysis<|message|>I could do\n{call}")
    assert called == (ORDER if call.startswith("<|channel|>") else [])


@by_writer
def test_an_example_before_the_call_leaves_both_alone(notation: str, render: Renderer) -> None:
    """Nobody can tell which of two is meant."""
    text = f"I know how:\n{render(ORDER)}\nis a call.\nNow I do it.\n{render([('list_orders', {})])}"
    assert read(text) == []


@by_writer
def test_a_call_inside_an_argument_is_not_executed(notation: str, render: Renderer) -> None:
    inner = render([("list_orders", {})])
    for outer in (
        f'{{"name": "set_note", "arguments": {{"id": "A1", "text": "{inner}',
        f"<function=set_note>\n{inner}",
    ):
        assert "list_orders" not in [name for name, _ in read(outer)]
    assert read(f'<invoke name="set_note">\n<parameter name="text">\n{inner}') == []


USUAL = [
    "I'll check your order now:\n{}",
    "It looks like your order is late. I'll check if you have another one.\n\n{}",
    "I was not able to do that yet, so let me look.\n{}",
    "You said it is the blue one. Let me see, one moment…\n{}",
    "Sure! I can run that search for you.\n\n{}",
    "</think>\n\n{}",
    "<think>I look it up.</think>\n{}",
]


@by_writer
def test_usual_words_before_a_call_make_no_example_of_it(notation: str, render: Renderer) -> None:
    if not notations()[notation].alone:
        assert [around for around in USUAL if read(around.replace("{}", render(ORDER))) != ORDER] == []


# ---------------------------------------------------------------- any text

SIGNS = [sign for notation in notations().values() for sign in notation.begins]
PARTS = st.sampled_from(
    [
        *SIGNS,
        *(render([("get_order", {"id": "A1"})]) for _, render in WRITERS),
        *(
            "get_order",
            '{"name": "get_order", "arguments": {',
            "<parameter=id>",
            "</parameter>",
            "<arg_value>",
            "\ud800",
        ),
        *("</tool_call>", "<function=get_order>", "```json\n", "```", "Action Input:", "to=functions.get_order", "\n"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PARTS | st.text(max_size=8), max_size=8).map("".join))
def test_no_text_makes_it_raise(text: str) -> None:
    found = find_calls(f"{text}get_order", SHOP), find_calls(text, SHOP), find_calls(text, SHOP, cut=True)
    for one in found:
        assert {call.name for call in one.calls} <= SHOP.keys()
    for said, one in zip((f"{text}get_order", text), found, strict=False):
        assert one.calls or one.rest == said


@settings(max_examples=100, deadline=None)
@given(st.lists(PARTS | st.text(max_size=8), max_size=6).map("".join), st.text(min_size=1, max_size=30))
def test_no_text_with_words_behind_it_is_executed(text: str, words: str) -> None:
    """But for fences, behind which models go on talking."""
    told = f"{text.replace('`', '')} So much for that{words.replace('`', '')}."
    assert find_calls(told, SHOP).calls == []


@pytest.mark.parametrize(
    "part",
    [
        *SIGNS,
        *(f"{sign}get_order" for sign in SIGNS),
        *(f'{sign}{{"name": "get_order", "arguments": {{' for sign in SIGNS),
        *(
            "<parameter=id>\n",
            "</parameter>",
            "<arg_key>id</arg_key><arg_value>",
            '<parameter name="id">',
            "{'a': ",
            "```{",
        ),
        *(
            "<escape>",
            "Action: get_order\nAction Input: {",
            "```json\n[",
            '{"name": "get_order", ',
            "\n" * 99,
            "get_order(id=",
        ),
    ],
)
def test_hostile_texts_are_read_in_one_go(part: str) -> None:
    """A reader that goes through a text once for each sign would take minutes."""
    for before in ("get_order ", "<function=get_order>"):
        find_calls(before + part * (30_000 // len(part)) + "get_order", SHOP)


def test_turns_of_any_reply_can_be_stored() -> None:
    """Half a surrogate pair is no character: no database and no file takes it."""
    text = 'Hi \ud83d <tool_call>{"name": "set_note", "arguments": {"text": "\\ud83d \udc00"}}</tool_call>'
    body = {"choices": [{"message": {"content": text}}]}
    turn: Turn = parse_reply(body, [], list(SHOP.values())).turn
    assert turn.tool_calls[0].arguments == {"text": "\ufffd \ufffd"}
    assert turn.content == "Hi \ufffd"
    assert Turn.model_validate_json(turn.model_dump_json()) == turn
