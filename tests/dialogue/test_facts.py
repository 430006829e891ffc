from __future__ import annotations

import pytest

from engine.dialogue.facts import missing


@pytest.mark.parametrize(
    ("fact", "text", "stated"),
    [
        ("25.5", "It costs 25.50 euros.", True),
        ("25.5", "It costs 125.5 euros.", False),
        ("25.5", "It costs 25.55 euros.", False),
        ("1234", "That is 1,234 in all.", True),
        ("$1,234.00", "The total is 1234.", True),
        ("12", "Order A-12 is late.", False),
        ("12", "Twelve", False),
        ("5%", "a fee of 5 percent", True),
        ("Ada", "adamant", False),
        ("Ada  Byron", "ask ada byron", True),
        ("can't", "I can’t do that", True),
        ("2026-03-02", "on 2026-03-02.", True),
        ("A-1", "account a-1 holds", True),
        ("-5", "the balance is -5", True),
        ("5", "the balance is -5", False),
        ("5", "due on 2026-03-05", False),
        ("30", "at 10:30", False),
        ("5", "on 2026-03-05 you pay 5", True),
        ("15", "1,5 kilos", False),
        ("0012", "item 12", False),
        ("0012", "item 0012", True),
        ("25.5", "release 25.5.1", False),
        ("3 days", "in 1.3 days", False),
        ("order 12", "order 12.50", False),
        ("1,200 points", "You have 1200 points.", True),
        ("1200 points", "You have 1,200 points.", True),
        ("possible", "That is not possible.", False),
        ("possible", "It isn't currently possible.", False),
        ("possible", "Not possible today; tomorrow it is possible.", True),
        ("not possible", "That is not possible.", True),
        ("refundable", "The fare is non-refundable.", False),
        ("approved", "It hasn't been approved.", False),
        ("refunded", "The order was not refunded.", False),
        ("refunded", "The order has not actually been refunded.", False),
        ("refunded", "It was neither refunded nor cancelled.", False),
        ("cancelled", "It was neither refunded nor cancelled.", False),
        ("a fee", "You can move it without a fee.", False),
        ("refunded", "It was not only refunded but also cancelled.", True),
        ("refunded", "It was not shipped; it was refunded.", True),
        ("", "anything", False),
    ],
)
def test_a_fact_is_stated_or_not(fact: str, text: str, stated: bool) -> None:
    assert (missing([(fact,)], text) == []) is stated


def test_one_alternative_is_enough() -> None:
    assert missing([("unable", "cannot")], "I cannot do it") == []
    assert missing([("unable", "cannot")], "Sure!") == [("unable", "cannot")]
