"""Requests with a missing parameter: what they leave out, and which assistant questions ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.dialogue.withheld import asked_for, may_be_told
from engine.domains import catalog, templates
from engine.planning import tasks
from engine.types import Domain, ReferenceCall
from tests.samples.tasks import balance_task
from tests.samples.tools import GET_BALANCE

CATALOG = Path(__file__).parents[2] / "assets" / "catalog"
HELD_BACK = balance_task(
    mode="missing_parameter",
    say="How much do I have?",
    ask="Which one is it, please?",
    hidden="It is A-100.",
    chain=(ReferenceCall(call="get_balance", arguments={"account_id": "{{ account_id }}"}),),
)
DESCRIBED = GET_BALANCE.model_copy(
    update={"parameters": {"type": "object", "properties": {"account_id": {"description": "Digits on the passbook."}}}}
)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Sure. Which one is it, please?", True),  # the words of the reference
        ("What is the account?", True),  # the slot
        ("Could you read me the digits?", True),  # the argument
        ("To look it up I need two things:\n- your account\n- your name. Could you give me both?", True),
        ("Which one do you mean?", True),  # names nothing
        ("Could you give me more details, please?", True),
        ("How much do you have in mind?", True),  # nothing but what the request says
        ("Was kostet das?", True),  # not English
        ("What is your shoe size?", False),
        ("I have seen your account. What is your shoe size?", False),
        ("Shall I go ahead?", False),
        ("Your account is closed.", False),
        ("I looked at your account. Is there anything else I can help you with?", False),
        ("", False),
    ],
)
def test_what_asks_for_the_missing_value(text: str, asked: bool) -> None:
    assert asked_for(HELD_BACK.model_copy(update={"tools": (DESCRIBED,)}), 0, text) is asked


def test_a_description_is_asked_for_by_any_question() -> None:
    long = "It shows 7 although 8 came in, and that since the day when account A-100 was closed."
    turn = HELD_BACK.turns[0].model_copy(update={"hidden": long})
    assert asked_for(HELD_BACK.model_copy(update={"turns": (turn,)}), 0, "What is the weather like?")


def test_a_second_question_counts_whatever_it_names() -> None:
    given = HELD_BACK
    assert not may_be_told(given, 0, ["What is your shoe size?", "I see."])
    assert may_be_told(given, 0, ["What is your shoe size?", "And your nest egg?"])
    assert may_be_told(given, 0, ["Which account?", "I see."])


@pytest.mark.parametrize("pack", ["retail", "clinic", "office_files"])
def test_questions_of_the_shipped_domains_are_told_from_small_talk(pack: str) -> None:
    """The other wordings of a template's question stand for what a model might ask."""
    domain: Domain = catalog.load(CATALOG / pack)
    found, talk = [], []
    for seed in range(60):
        drawn = tasks.sample(domain, mode="missing_parameter", seed=seed)
        withhold = next(t for t in domain.templates if t.id == drawn.template).turns[0].withhold
        assert withhold is not None
        found += [asked_for(drawn, 0, templates.render_text(ask, drawn.turns[0].slots)) for ask in withhold.ask]
        talk += [asked_for(drawn, 0, text) for text in ("What is your shoe size?", "Do you have a pet?")]
    assert sum(found) / len(found) > 0.95
    assert sum(talk) / len(talk) < 0.05
