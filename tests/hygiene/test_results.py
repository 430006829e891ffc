"""Results that no tool gave."""

from __future__ import annotations

import pytest

from engine.types import Turn
from tests.hygiene.tables import reasons

TEXTS = [
    '<tool_response>{"status": "shipped"}</tool_response>\nYour order has shipped.',
    "<tool_result>shipped</tool_result> Your order has shipped.",
    "<function_results>\n<result>shipped</result>\n</function_results>\nYour order has shipped.",
    "<tool_output>shipped</tool_output>",
    '[TOOL_RESULTS] {"status": "shipped"} [/TOOL_RESULTS] It has shipped.',
    '<｜tool▁outputs▁begin｜>{"status": "shipped"}<｜tool▁outputs▁end｜>',
    '<|im_start|>tool\n{"status": "shipped"}<|im_end|>',
    '<|start_header_id|>ipython<|end_header_id|>\n\n{"status": "shipped"}',
    '<|observation|>\n{"status": "shipped"}',
    '<|start|>functions.get_order to=assistant<|channel|>commentary<|message|>{"status": "shipped"}<|end|>',
    'Tool result: {"status": "shipped"}\n\nYour order has shipped.',
    '**Tool Result:**\n{"status": "shipped"}\n\nYour order has shipped.',
    'Tool output:\n```json\n{"status": "shipped"}\n```\nYour order has shipped.',
    "Function output: shipped. Your order has shipped.",
    'API response: {"status": "shipped"}',
    '```tool_output\n{"status": "shipped"}\n```\nYour order has shipped.',
    "```tool_response\nshipped\n```",
    'Observation: {"status": "shipped"}\nYour order has shipped.',
    "Action: get_order\nAction Input: QM-1\nObservation: The order has shipped.\nYour order has shipped.",
    '{"tool_response": {"status": "shipped"}}',
    '{"role": "tool", "content": "shipped"}',
    'get_order(id="QM-1")\n{"status": "shipped"}\nYour order has shipped.',
    'get_order returned: {"status": "shipped"}. Your order has shipped.',
    "I called `get_order` with id QM-1 and it returned that the order has shipped.",
    "I used get_order(QM-1) → shipped",
    'The result of get_order is "shipped", so your order is on its way.',
    "[get_order result: shipped]\nYour order has shipped.",
    "[Looking up the order in the system...] Your order has shipped.",
    "*checks the database* Your order has shipped.",
    "Let me simulate the tool call. The response is: shipped. Your order is on its way.",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_invented_result(text: str) -> None:
    assert "invented_result" in reasons(text)


def test_what_a_tool_returned_may_be_told() -> None:
    earlier = [Turn(role="tool", name="get_order", content='{"status": "shipped"}')]
    text = "get_order returned that your order has shipped."
    assert reasons(text) == ["invented_result"]
    assert reasons(text, earlier=earlier) == []


@pytest.mark.parametrize(
    "text",
    [
        "Observation: the culture turned red.",
        "Results: 41 of 42 tests pass.",
        "The output of the script is in out.txt.",
        "The test result came back on Monday.",
        "Tool: hammer drill. Result: sold out.",
    ],
)
def test_results_of_other_kinds(text: str) -> None:
    assert reasons(text) == []
