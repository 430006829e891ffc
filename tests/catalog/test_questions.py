"""What the policies answer without a call: right answers in other words state the facts, wrong ones do not."""

from __future__ import annotations

import pytest

from engine.dialogue.facts import missing
from engine.domains import catalog
from engine.settings import CATALOG
from engine.types import Question

WRONG = {
    "retail": {
        "return_window": "You can send it back within 14 days of delivery, gold members within 60 days.",
        "return_fee": "Returns never cost anything with us, whatever the reason.",
        "delivery_cost": "Standard delivery costs 4.95 and express delivery 12.95.",
        "free_delivery": "Standard delivery is free from 50.00.",
        "delivery_time": "Standard takes 6 days, express takes 4 days.",
        "points_value": "100 points are worth 1.00 of store credit.",
        "points_cash": "No problem! Points can be paid out to your bank account or as store credit.",
        "gift_card_validity": "Gift cards are valid for three years.",
        "price_match_shops": "We match every shop, Norrvik and Pantry Lane for example.",
        "price_match_deadline": "You can ask for a price match within 30 days of your order.",
        "single_item_cancel": "No worries, I can take one item out and send you a full refund.",
        "change_email": "Tell me the new address and I'll enter it right away.",
        "final_sale": "Outlet items can be returned within 30 days like all others.",
        "refund_other_card": "Of course, we can refund your new card or give you store credit.",
        "refund_time": "Refunds are paid within 14 days of the parcel's arrival.",
        "late_compensation": "You get 5.00 of store credit, however late it is.",
    },
    "code_repair": {
        "run_tests": "Run `pytest tests/test_money.py`.",
        "edit_tests": "Sure, I'll comment it out in the tests folder.",
        "dependency": "It isn't part of the standard library, so I'll install it for you.",
        "rounding": "Money is rounded half to even, in cents.",
        "part_numbers": "Part numbers look like ab-1234/2, in lower case letters.",
        "release": "Releases are cut every month.",
        "security": "Please open a public issue and name the maintainer.",
        "commit": "No problem, I'll commit it to a new branch for you.",
    },
}
RIGHT = (
    ("retail", "points_cash", "Points can't be turned into money. What you can do is redeem them for store credit."),
    ("retail", "points_cash", "I'm afraid that's not possible: points are redeemed for store credit."),
    ("retail", "points_cash", "Points can only be redeemed for store credit."),
    ("retail", "points_cash", "We don't pay points out in cash, but 100 of them give you 5.00 of store credit."),
    ("retail", "single_item_cancel", "Orders can only be cancelled in their entirety."),
    ("retail", "single_item_cancel", "We don't offer partial cancellations; only the entire order can be cancelled."),
    ("retail", "single_item_cancel", "Unfortunately I can't remove one item. I could cancel the whole order."),
    ("retail", "delivery_time", "Six days with standard delivery and two days with express."),
    ("retail", "delivery_time", "Standard: 6 days. Express: 2 days."),
    ("code_repair", "dependency", "stockroom sticks to the standard library, so I can't add pandas."),
    ("code_repair", "commit", "I won't commit or push anything; the change stays in the working folder."),
    ("code_repair", "commit", "I'm not allowed to make commits or branches."),
)


def _questions(pack: str) -> dict[str, Question]:
    return {question.id: question for question in catalog.load(CATALOG / pack).questions}


def _states(question: Question, text: str) -> bool:
    facts = [(fact,) if isinstance(fact, str) else fact for fact in question.facts]
    return not missing(facts, text)


@pytest.mark.parametrize("pack", WRONG)
def test_a_wrong_answer_to_any_question_fails(pack: str) -> None:
    questions = _questions(pack)
    assert questions.keys() == WRONG[pack].keys()
    assert [name for name, question in questions.items() if _states(question, WRONG[pack][name])] == []


@pytest.mark.parametrize("pack", ["retail", "clinic", "office_files", "code_repair"])
def test_every_reference_answer_states_its_facts(pack: str) -> None:
    assert [(q.id, text) for q in _questions(pack).values() for text in q.answer if not _states(q, text)] == []


@pytest.mark.parametrize(("pack", "name", "text"), RIGHT)
def test_a_right_answer_in_other_words_passes(pack: str, name: str, text: str) -> None:
    assert _states(_questions(pack)[name], text)


def test_the_question_about_delivery_asks_for_both_times() -> None:
    assert all("express" in text.lower() for text in _questions("retail")["delivery_time"].say)


@pytest.mark.parametrize("pack", ["retail", "clinic", "office_files", "code_repair"])
def test_no_fact_is_a_word_that_any_answer_holds(pack: str) -> None:
    for question in _questions(pack).values():
        options = [o for fact in question.facts for o in ((fact,) if isinstance(fact, str) else fact)]
        common = {"no", "yes", "not", "only", "full", "complete"}
        assert not common & {option.lower() for option in options}, question.id
