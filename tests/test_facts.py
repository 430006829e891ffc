from __future__ import annotations

import pytest

from engine.facts import missing


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
    ],
)
def test_a_fact_is_stated_or_not(fact: str, text: str, stated: bool) -> None:
    assert (missing([(fact,)], text) == []) is stated


def test_one_alternative_is_enough() -> None:
    assert missing([("unable", "cannot")], "I cannot do it") == []
    assert missing([("unable", "cannot")], "Sure!") == [("unable", "cannot")]
