"""What is left of the form a reply was written in."""

from __future__ import annotations

import pytest

from engine.hygiene.check import Context, check
from tests.hygiene.tables import reasons, said

BOTH = [
    '{"message": "Where is it?", "status": "continue"}',
    '{"response": "It has shipped."}',
    '```json\n{"message": "Where is it?", "status": "continue"}\n```',
    '{"message": "Where is it?", "status": "conti',
    '{"message": "Where is it?',
    '"message": "Where is it?"',
    '{\n"answer": "It has shipped.',
    "It has shipped.\n```",
    "```\nIt has shipped.",
    "```\n```",
    "```json\n\n```",
    "```json\nIt has shipped.",
    "It has shipped. ```",
    "It has shipped.\n}",
    'It has shipped."}',
    "{\nIt has shipped.",
    "}",
    "```",
    "null",
    "{}",
    "Hello,\\n\\nIt has shipped.",
    "It has shipped.\\nBye for now.",
    "Items:\\n- pot\\n- rake",
    '"I can see that your order has shipped.\\nBye."',
    '"I can see that you have two orders."',
    "It has shipped to Caf\\u00e9 Blue.",
    'He said \\"yes\\" to it.',
    "It has shipped.\n\n****",
    "##\n\nIt has shipped.",
    "It has shipped. [object Object]",
    "It has shipped, {{ customer_name }}.",
    '{"name": "get_order", "arguments": {"id": "QM-1"}}',
]
USER = [
    "User: Cancel order QM-1 for me.",
    "Human: QM-1 or QM-2: which comes first?",
    "User: I want to cancel it.",
    "**User:** I want to cancel it.",
    "I want to cancel order [order number].",
    "My e-mail is <your email>.",
    "I want to cancel it.\nstatus: continue",
    '"Where is my order?"',
    'I want to cancel it.", "status": "continue"}',
]


@pytest.mark.parametrize("text", BOTH)
@pytest.mark.parametrize("role", ["assistant", "user"])
def test_a_leftover(text: str, role: str) -> None:
    assert "leftovers" in reasons(text, role)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", USER)
def test_a_leftover_of_a_persons_reply(text: str) -> None:
    assert "leftovers" in reasons(text, "user")


def test_an_assistant_that_begins_with_its_own_name() -> None:
    assert reasons("Assistant: Your order has shipped.") == ["leftovers"]
    assert reasons("**Assistant:** Your order has shipped.") == ["leftovers"]


def test_json_may_be_asked_for_and_a_judge_answers_in_it() -> None:
    text = '{"message": "It has shipped.", "status": "ok"}'
    assert reasons(text) == ["leftovers"]
    assert reasons(text, earlier=said("Give me the JSON of it, please.")) == []
    assert check(text, Context("judge")) == ()


CALLS = [
    '{"name": "get_order", "arguments": {"id": "QM-1"}}',
    '[{"name": "get_order", "arguments": {"id": "QM-1"}}, {"name": "get_order", "arguments": {"id": "QM-2"}}]',
    '{\n  "name": "functions.get_order",\n  "parameters": {\n    "id": "QM-1"\n  }\n}',
    '{"tool_calls": [{"type": "function", "function": {"name": "get_order", "arguments": "{}"}}]}',
    '{"action": "get_order", "action_input": {"id": "QM-1"}}',
    '[get_order(id="QM-1")]',
    '[get_order(id="QM-1"), verify_customer(name="Ann", born=None)]',
    'get_order(id="QM-1")',
    "get_order()",
    'Action: get_order\nAction Input: {"id": "QM-1"}',
    "Thought: I look.\nAction 1: get_order\nAction Input 1: QM-1",
    'Action: get_order(id="QM-1")',
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("before", ["", "Let me look that up.\n"])
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_a_call_without_tags_before_an_answer(call: str, before: str, between: str) -> None:
    assert "leftovers" in reasons(f"{before}{call}{between}Your order has shipped.")


@pytest.mark.parametrize("call", CALLS[5:9])
def test_a_call_that_is_shown_or_of_no_offered_tool_is_none(call: str) -> None:
    assert reasons(f"```\n{call}\n```\nThat is how the order is found.") == []
    assert reasons(f"I found it with this call:\n{call}\nYour order has shipped.") == []
    assert reasons(f"{call.replace('get_order', 'get_orders')}\nThat is the line that I changed.") == []


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_text_has_no_findings(text: str) -> None:
    assert check(text, Context("assistant", finish="length")) == ()
