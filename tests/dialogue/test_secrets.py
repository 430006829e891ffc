"""A withheld value is found in every spelling."""

from __future__ import annotations

import pytest

from engine.dialogue.secrets import Secret


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("A-100", "it is a-100"),
        ("A-100", "it is A100"),
        ("A-100", "it is a 100."),
        ("1987-03-05", "born 5 March 1987"),
        ("1987-03-05", "born March 5th"),
        ("1987-03-05", "born 05.03.1987"),
        ("1987-03-05", "born 3/5/87"),
        ("1987-03-05", "born 1987/03/05"),
        ("5 March 1987", "born 1987-03-05"),
        ("555-0113", "call 555 0113"),
        ("555-0113", "call (555) 01 13"),
        ("555-0113", "call 5550113"),
        ("555-0113", "five five five, oh one one three"),
        ("1249.5", "about $1,249.50"),
        ("1,249.50", "about 1249.5"),
        ("SW1A 1AA", "sw1a1aa"),
        ("Blue Whale", "blue-whale"),
        ("blue_whale", "Blue Whale"),
        ("ada.stone@example.com", "ADA.STONE@EXAMPLE.COM"),
        ("O'Brien", "OBrien"),
        ("Zoë", "zoë"),
        ("09:40", "at 09:40"),
        ("09:40", "at 9:40 am"),
        ("item=FS-101", "item=fs-101"),
        ("C++", "in c++ of course"),
    ],
)
def test_it_is_told(value: str, text: str) -> None:
    assert Secret(value).told_in(text)
    assert Secret(value).told_in(f"Well, {text}!")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("A-100", "A-1000"),
        ("A-100", "BA-100"),
        ("A-100", "A-10, 0 left"),
        ("1987-03-05", "6 March 1987"),
        ("1987-03-05", "5 March 1988"),
        ("1987-03-05", "in March 1987"),
        ("555-0113", "555-0131"),
        ("2", "25"),
        ("2", "2.5"),
        ("1249.5", "1249.6"),
        ("Blue Whale", "the blue one is a whale"),
        ("may", "maybe"),
        ("C++", "C"),
        ("09:40", "9:45"),
    ],
)
def test_it_is_not_told(value: str, text: str) -> None:
    assert not Secret(value).told_in(text)


def test_it_is_masked_in_every_spelling() -> None:
    goal = "You, born 5 March 1987 (1987-03-05), want to hear of A 100. On 6 March you leave."
    assert Secret("1987-03-05").masked(goal, "…") == "You, born … (…), want to hear of A 100. On 6 March you leave."
    assert Secret("A-100").masked(goal, "…").endswith("want to hear of …. On 6 March you leave.")
