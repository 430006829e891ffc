"""A text that its model did not end."""

from __future__ import annotations

import pytest

from tests.hygiene.tables import reasons


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens"])
@pytest.mark.parametrize("text", ["Your order has shipped and will arr", "Your order has shipped.", "Done"])
def test_the_server_says_that_it_was_cut(finish: str, text: str) -> None:
    assert reasons(text, finish=finish) == ["cut_off"]


@pytest.mark.parametrize("finish", [None, "stop", "eos_token"])
@pytest.mark.parametrize(
    "text",
    [
        "Your order has shipped with Nordpost and will arrive at your",
        "I moved your visit with Dr. Marsh to Tuesday, and the",
        "You can return it within 30 days of delivery, or",
        "The refund goes back to the card that you paid with, which is",
    ],
)
def test_a_text_stops_where_nobody_stops(finish: str | None, text: str) -> None:
    assert reasons(text, finish=finish) == ["cut_off"]


@pytest.mark.parametrize("finish", [None, "stop", "tool_calls"])
@pytest.mark.parametrize(
    "text",
    [
        "zip 49034",
        "Here is the picture you asked for",
        "Which shop did it come from",
        "The folder holds:\n- a.csv\n- b.csv",
        'The file ends with the words "and the"',
        "That is what it is made of, I am sure of it",
    ],
)
def test_how_people_end_a_text(finish: str | None, text: str) -> None:
    assert reasons(text, finish=finish) == []


def test_a_text_before_calls_may_stop_anywhere() -> None:
    assert reasons("I'll look at your order now, and then at your", finish="tool_calls") == []
