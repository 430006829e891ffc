"""Values of a text that nobody gave, and those that were given in another spelling."""

from __future__ import annotations

import pytest

from engine.dialogue.values import Known

TOLD = (
    "You are Ada Stone, customer C-4711, ada.stone@example.com, postcode SW1A 1AA. Your order ORD-88213 of 2026-03-02 "
    "cost $1,249.50; you paid 25% at once. Call 555-0113. The visit is on 5 May at 14:30, in twenty-five days. "
    "Box A-7, A-12."
)


@pytest.mark.parametrize(
    "text",
    [
        "My number is c-4711.",
        "It's C4711, or C 4711 if you like.",
        "Order 88213, please.",
        "ord-88213's parcel",
        "I ordered on March 2nd, 2026.",
        "on 2 March I ordered, or 02.03.2026 or 03/02/2026",
        "the 2nd of March",
        "It cost 1249.50 dollars, 1,249.5 to be exact, about $1249.50!",
        "1.249,50? no: $1,249.50",
        "I paid 25 % at once, 25%",
        "Call 555 0113 or 5550113 or (555) 0113, it ends in 0113.",
        "sw1a1aa, or SW1A 1AA",
        "Mail: ADA.Stone@example.com.",
        "5 May, 2:30 pm; May 5th at 14:30; at 2.30pm",
        "It takes 25 days.",
        "A-7/A-12, A7 and A12",
        "Both boxes: A-7,A-12.",
        "I have 2 questions and 3 minutes. 1st of all...",
        "I've waited 40 minutes, asked 100 times, 24/7!",
        "I'm 100% sure. It is a 5G phone, 4x as fast",
        "Hello, I'd like to know about my order.",
        "9-12 would do, or 9 to 5",
        "Thanks :) <3 8-)",
        "I paid one thousand two hundred and forty-nine dollars, or twelve hundred forty-nine dollars fifty.",
        "It cost twelve hundred fifty dollars in words, twenty-five dollars of it at once.",
        "I feel like a thousand dollars, and it was about forty dollars or fifty dollars, not even twelve euros.",
        "nineteen ninety-nine dollars? one point fifty dollars? A million dollars! between twenty and thirty euros",
        "The forty-two pounds of flour, twenty times, in thirty minutes",
    ],
)
def test_what_was_given_is_known(text: str) -> None:
    assert Known([TOLD]).unknown(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("My customer number is 48213.", "48213"),
        ("I am C-4712.", "C-4712"),
        ("I am B-4711.", "B-4711"),
        ("Order ORD-8821, please", "ORD-8821"),
        ("Order ORD-88231.", "ORD-88231"),
        ("Box A-8", "A-8"),
        ("I ordered on 3 March 2026.", "3 March 2026"),
        ("I ordered on March 2, 2025.", "March 2, 2025"),
        ("on 2026-03-04", "2026-03-04"),
        ("It cost $1,249.05.", "$1,249.05"),
        ("One of them should hold forty-two dollars.", "forty-two dollars"),
        ("I want my Two Hundred and Ten Euros back!", "Two Hundred and Ten Euros"),
        ("I paid one thousand three hundred dollars.", "one thousand three hundred dollars"),
        ("It cost 12 dollars.", "12"),
        ("I paid 20%", "20%"),
        ("Call 555-0131", "555-0131"),
        ("SW1A 2AA", "2AA"),
        ("ada@example.com", "ada@example.com"),
        ("at 3:30 pm", "3:30 pm"),
        ("My flat is number 317.", "317"),
        ("I was born in 1984", "1984"),
        ("€7 would do", "€7"),
    ],
)
def test_what_nobody_gave_is_found(text: str, value: str) -> None:
    assert Known([TOLD]).unknown(text) == value


def test_what_is_said_later_is_known_from_then_on() -> None:
    known = Known([TOLD])
    assert known.unknown("The refund of 317.20?") == "317.20"
    known.add("I can refund $317.20 on 7 June 2026.")
    assert known.unknown("The refund of 317.20 on June 7?") is None
