"""Thanks, goodbyes and agreement."""

from __future__ import annotations

import pytest

from engine.dialogue.closings import agrees, only_closes, thanks

CLOSES = [
    "Thanks!",
    "Thank you so much for your help, have a great day!",
    "Perfect, that's all I needed. Bye!",
    "no, that's all, thx",
    "Great 👍 cheers",
    "That’s everything, goodbye.",
    "I'm all set.",
    "Vielen Dank!",
]
SAYS_MORE = [
    "Yes, please go ahead.",
    "Thanks, but that is wrong.",
    "Thanks! And A-100?",
    "Could you help?",
    "ok",
    "Thanks. My postcode is 1234.",
    "",
]


@pytest.mark.parametrize("text", CLOSES)
def test_it_only_closes(text: str) -> None:
    assert only_closes(text)
    assert thanks(text)
    assert not agrees(text)


@pytest.mark.parametrize("text", SAYS_MORE)
def test_it_says_more(text: str) -> None:
    assert not only_closes(text)
    assert not thanks(text)


def test_thanks_at_length() -> None:
    text = "You are a star, thank you, my whole family will love it."
    assert thanks(text)
    assert not only_closes(text)


@pytest.mark.parametrize(
    "text", ["Yes", "yes please, thanks!", "Sure, go ahead", "I confirm.", "Thanks, please do it."]
)
def test_it_agrees(text: str) -> None:
    assert agrees(text)
    assert not only_closes(text)


@pytest.mark.parametrize("text", ["No, leave it.", "Thanks!", "What is it?", "I am Ada."])
def test_it_does_not_agree(text: str) -> None:
    assert not agrees(text)
