"""What the checks give together."""

from __future__ import annotations

from engine.hygiene.check import Context, Finding, check


def test_worst_first_and_each_reason_once() -> None:
    text = "Okay, the user wants a refund.\nUser: hi\nAssistant: ok<|im_end|><|im_end|>\n```"
    found = check(text, Context("assistant", finish="length"))
    assert [one.reason for one in found] == [
        "leaked_thinking",
        "played_both_sides",
        "cut_off",
        "special_tokens",
        "leftovers",
    ]


def test_the_quote_shows_the_place_on_one_line() -> None:
    text = f"{'Your order has shipped. ' * 30}\n\nUser: thanks\n{'More. ' * 30}"
    (found,) = check(text, Context("assistant"))
    assert found.reason == "played_both_sides"
    assert "User: thanks" in found.quote
    assert "\n" not in found.quote
    assert len(found.quote) <= 120


def test_a_clean_text_has_no_findings() -> None:
    assert check("Your order has shipped.", Context("assistant")) == ()
    assert Finding("refused", "x") == Finding("refused", "x")
