"""Thinking in words, without a tag."""

from __future__ import annotations

import pytest

from tests.hygiene.tables import reasons

ASSISTANT = [
    "Okay, the user wants to cancel the order. Let me check the status first.",
    "Okay, so the customer is asking about a refund. I should look at the order.",
    "Hmm, the user didn't give a postcode. I need to ask for it.",
    "Alright, the patient wants to move the visit. First I verify them.",
    "We need to respond with the balance. It is 12.00.",
    "We need to call get_order first. Then answer.",
    "The user asked for a refund. According to the policy, I must check the order first.",
    "The user wants to know the balance. I should verify them.",
    "First, I need to verify the customer's identity. The policy says e-mail and postcode. Let me do that.",
    "I should ask the user for the order number.",
    "Let me craft a polite response. Your order has shipped.",
    "Let me think step by step. The order is late by three days.",
    "I need to call get_order with the id QM-1.",
    "Let me use verify_customer to check the e-mail address.",
    "Thought: the order is late.\n\nYour order arrives on Friday.",
    "**Reasoning**\n\nThe order is late, so a credit is due.\n\nHere is your credit.",
    "Thinking Process:\n\n1. Look at the order.\n2. Answer.",
    "Draft response: Your order has shipped.",
    "My response should be short and mention the amount. It is 12.00.",
    "Since the user is a gold member, I can offer free returns. Let me tell the user that.",
    "用户想取消订单，我需要先查询订单状态。",
    "好的，用户想要退款。首先看一下订单。",
    "Okay, der Nutzer möchte die Bestellung stornieren.",
    "Your order has shipped. Now I should tell the user that it takes two days.",
    "*sighs* Your order has shipped.",
]
USER = [
    "As a simulated user I should ask for a refund now.",
    "Okay, the assistant is asking for my postcode. I should give it: 49034.",
    "The assistant has confirmed the refund, so I can now move on to my next request.",
    "My persona is impatient, so: where is my order?",
    "According to the scenario, I want to return the kettle.",
    "I should not mention the order number until asked. I want to return the kettle.",
    "I need to stay in character. Where is my order?",
    "I'm supposed to play a customer who wants a refund.",
    "I will tell the assistant that the number is QM-10629.",
    "*sighs* Where is my order?",
    "(sighs) I told you that already.",
    "Where is my order? [The user is getting impatient]",
    "Where is my order? *rolls eyes*",
    "(in a frustrated tone) Where is my order?",
    "My goal says that I want a refund. Per my instructions I keep it short. Refund please.",
    "Let me think about how to respond. I want a refund.",
    "Hmm, the user wants a refund. Refund please.",
    "I want a refund. about: next_request",
]


@pytest.mark.parametrize("text", ASSISTANT)
def test_an_assistant_that_thinks_aloud(text: str) -> None:
    assert "leaked_thinking" in reasons(text, language="zh" if text[0] > "⁀" else "en")


@pytest.mark.parametrize("text", USER)
def test_a_person_that_speaks_of_its_part(text: str) -> None:
    assert "leaked_thinking" in reasons(text, "user")


@pytest.mark.parametrize("text", [*ASSISTANT, *USER])
def test_a_judge_may_think_aloud(text: str) -> None:
    assert "leaked_thinking" not in reasons(text, "judge")
