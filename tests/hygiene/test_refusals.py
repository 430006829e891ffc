"""Refusals that have nothing to do with the talk, and those that the talk calls for."""

from __future__ import annotations

import pytest

from engine.types import Turn
from tests.hygiene.tables import reasons, said

REFUSALS = [
    "I'm sorry, but I can't assist with that.",
    "I’m sorry, but I can’t help with that.",
    "I'm sorry, I can't help with that request.",
    "Sorry, I can't assist with that.",
    "I am unable to assist with this request.",
    "I cannot comply with your request.",
    "I'm not able to help with that.",
    "I apologize, but I cannot fulfill this request. Is there anything else I can help you with?",
    "Unfortunately, I can't help you with that. Let me know if there is anything else.",
    "I must decline this request.",
    "I won't be able to help with that.",
    "As an AI language model, I cannot book appointments.",
    "As an AI, I don't have access to personal data.",
    "I'm just an AI and can't access real orders.",
    "I can't do that, as it goes against my guidelines.",
    "I cannot help with harmful or illegal activities.",
    "This violates OpenAI's content policy, so I won't answer.",
    "抱歉，我无法帮助您处理这个请求。",
    "作为一个人工智能，我不能预约。",
]
OF_A_PERSON = [
    "I'm sorry, but I can't assist with that.",
    "I cannot comply with this request.",
    "As an AI language model, I don't have an order number.",
]
DOMAIN = [
    "I'm sorry, I can't cancel it: the order has shipped.",
    "I can't help with that, because salaries are told to the People department only.",
    "I can't give medical advice. A nurse can call you back.",
    "Unfortunately none of my tools does that, so I can't.",
    "I'm sorry, but I can't help with that here. Please ask Ines Calder.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal(text: str) -> None:
    assert reasons(text, language="zh" if text[0] > "⁀" else "en") == ["refused"]


@pytest.mark.parametrize("text", OF_A_PERSON)
def test_a_person_that_refuses_to_play(text: str) -> None:
    assert "refused" in reasons(text, "user")


@pytest.mark.parametrize("text", ["I can't tell you that, sorry.", "I can't find it.", "No, I won't give you that."])
def test_a_person_need_not_tell(text: str) -> None:
    assert reasons(text, "user") == []


@pytest.mark.parametrize("text", DOMAIN)
def test_a_reason_of_the_domain(text: str) -> None:
    assert reasons(text) == []


def test_a_judge_that_refuses() -> None:
    assert reasons("I'm sorry, but I can't assist with that.", "judge") == ["refused"]


def test_the_talk_may_call_for_a_refusal() -> None:
    text = "I'm sorry, but I can't assist with that."
    refused = [*said("Cancel it."), Turn(role="tool", name="cancel", content="It has shipped.", fault="tool_error")]
    assert reasons(text, policy="Off topic, say: \"I'm sorry, but I can't assist with that.\"") == []
    assert reasons(text, declines=True) == []
    assert reasons(text, earlier=refused) == []
    assert reasons(text, earlier=[*refused, *said("And the other one?")]) == ["refused"]
    assert reasons("I can't, it goes against my guidelines.", declines=True) == ["refused"]


def test_whoever_asks_a_bot_is_told() -> None:
    text = "As an AI, I don't have a name."
    assert reasons(text) == ["refused"]
    assert reasons(text, earlier=said("Are you a bot?")) == []
