"""What is read as a value, what counts as given, and what contradicts a result: one case of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.judges.rules import RulesJudge
from engine.judging.claims.check import wrong_claims
from engine.judging.claims.dialogue import claims_of
from engine.judging.claims.evidence import Evidence
from engine.judging.claims.values import values
from engine.judging.scoring import with_scores
from engine.plugins import load
from engine.types import CLAIMS, Proof, ProvenCall, ProvenTurn, Tool, ToolCall, ToolResult, Trajectory, Turn
from tests.samples.tasks import balance_task
from tests.samples.trajectories import balance_trajectory

POLICY = (
    "You serve a shop. Today is Wednesday 18 November 2026. Items can come back within 30 days. A late parcel is worth "
    "5.00. Refunds take 5 working days. 100 points are worth 5.00 of store credit."
)
ORDER = {
    "order_id": "QM-11029",
    "placed": "2026-11-16",
    "status": "pending",
    "items": [
        {"sku": "LMP03", "name": "Arc Lamp", "unit_price": 94.0},
        {"sku": "OUT82", "name": "Outlet Lights", "unit_price": 16.5},
    ],
    "subtotal": 110.5,
    "shipping": 4.95,
    "total": 115.45,
    "expected_delivery": "2026-11-23",
    "paid_in_full": True,
}
ORDERS = [
    {"order_id": "QM-1", "status": "shipped", "total": 20.0, "placed": "2026-11-02"},
    {"order_id": "QM-2", "status": "delivered", "total": 35.5, "placed": "2026-10-05"},
]
TOOLS = tuple(
    Tool(name=name, description=f"{name}.", parameters={}, effect=effect)
    for name, effect in (("get_order", "read"), ("list_orders", "read"), ("cancel_order", "write"))
)


def given(*results: tuple[str, Any], user: str = "Please tell me of order QM-11029.") -> Evidence:
    evidence = Evidence.of_rules(POLICY, ())
    evidence.add_user(user)
    for name, content in results:
        text = content if isinstance(content, str) else json.dumps(content)
        evidence.add_result(name, text, {}, writes=name.startswith("cancel"))
    return evidence


def quoted(text: str, evidence: Evidence, certain: bool = True) -> list[str]:
    return [claim.quote for claim in wrong_claims(text, evidence) if claim.certain or not certain]


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("It costs €1,299.50.", [("amount", "1299.50")]),
        ("It costs 19,90 € or $20.", [("amount", "19.90"), ("amount", "20")]),
        ("forty-two thousand two hundred and five euros", [("amount", "42205")]),
        ("four and a half hours, 39.6 %", [("amount", "4.5"), ("amount", "39.6")]),
        ("on Friday, 20 March at 3:20 pm", [("date", (None, 3, 20)), ("time", (920,))]),
        ("March 4th, 2026 at half past two", [("date", (2026, 3, 4)), ("time", (150, 870))]),
        ("2026-05-20T06:40", [("date", (2026, 5, 20)), ("time", (400,))]),
        ("order #11029, `QM-11029` and scan_0701.pdf", [("id", "11029"), ("id", "qm-11029"), ("id", "scan_0701.pdf")]),
        ("Call 555-0140, extension 154.", [("id", "555-0140"), ("id", "154")]),
        ("24/7, UTF-8, read/write and 6 m/s", [("amount", "6")]),
        ("a third of a million", []),
        ("```\nx = 12345\n```", []),
    ],
)
def test_values_are_read(text: str, read: list[tuple[str, Any]]) -> None:
    assert [(v.kind, str(v.key) if v.kind == "amount" else v.key) for v in values(text)] == read


# ---------------------------------------------------------------- given, or following from it


@pytest.mark.parametrize(
    "text",
    [
        "Order QM-11029 of 16 November comes to €115.45.",
        "order #11029: 110.50 for the goods and 4.95 for delivery",
        "The lamp is ninety-four euros, the lights are 16.50, so together 110.5.",
        "Two lamps would be €188.",
        "The lamp is €77.50 dearer than the lights.",
        "It should arrive on Monday, November 23rd, in five days.",
        "It was placed two days ago.",
        "You can return it until 18 December, that is within 30 days from today.",
        "600 points would give you 30.00.",
        "About 115 euros in all.",
        "There are two items in it.",
        "Which number is it? For example QM-99999.",
        "1. Look at it.\n2. Pay for it.",
    ],
)
def test_what_was_given_or_follows_is_no_wrong_claim(text: str) -> None:
    assert quoted(text, given(("get_order", ORDER))) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Order QM-11029 comes to €151.45.", ["€151.45"]),
        ("Order QM-11092 comes to €115.45.", ["QM-11092"]),
        ("It should arrive on 25 November.", ["25 November"]),
        ("It should arrive on Tuesday 23 November.", ["Tuesday 23 November"]),
        ("Your code is SAVE10.", ["SAVE10"]),
        ("You get 12 % off.", ["12 %"]),
        ("There are four items in it.", ["four"]),
        ("Delivery costs €4.95 and the order is «shipped».".replace("«", "").replace("»", ""), ["shipped"]),
        ("The subtotal is 115.45.", ["115.45"]),
    ],
)
def test_what_nobody_gave_or_a_result_contradicts_is_found(text: str, wrong: list[str]) -> None:
    assert quoted(text, given(("get_order", ORDER))) == wrong


def test_the_reason_quotes_the_answer_and_says_what_the_tool_gave() -> None:
    (claim,) = wrong_claims("The total is 151.45.", given(("get_order", ORDER | {"total_paid": 0.0})))
    assert claim.reason == 'the answer says "151.45"; no tool, user or policy gave this number'
    (claim,) = wrong_claims("Your subtotal is 111.50.", given(("get_order", ORDER)))
    assert claim.reason.endswith("no tool, user or policy gave this number; get_order gave subtotal 110.5")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("QM-1 came to 20.00 and QM-2 to 35.50.", []),
        ("You paid 20.00 (QM-1) and 35.50 (QM-2), 55.50 in all.", []),
        ("QM-1 came to 35.50.", ["35.50"]),
        ("QM-1 came to 35.50 and QM-2 to 20.00.", ["35.50", "20.00"]),
        ("QM-1 is on its way and QM-2 was delivered.", []),
        ("QM-1 has been delivered.", ["delivered"]),
        ("Once QM-1 has been delivered, you can return it.", []),
        ("QM-2 of 2 November was delivered.", ["2 November"]),
    ],
)
def test_a_value_belongs_to_its_record(text: str, wrong: list[str]) -> None:
    assert quoted(text, given(("list_orders", ORDERS))) == wrong


def test_a_later_result_goes_before_an_earlier_one() -> None:
    later = {"order_id": "QM-11029", "status": "cancelled", "refund": 115.45, "expected_delivery": None}
    evidence = given(("get_order", ORDER), ("cancel_order", later))
    assert quoted("QM-11029 is cancelled; 115.45 goes back.", evidence) == []
    assert quoted("QM-11029 is still pending.", evidence) == ["pending"]
    assert quoted("QM-11029 was pending before you cancelled it.", evidence) == []


def test_counts_in_a_tools_text_are_known_by_their_noun() -> None:
    evidence = given(("bash", json.dumps({"stdout": "ok a\nok b 46\n42 tests, 0 failed\n"})))
    assert quoted("All 42 tests pass.", evidence) == []
    assert quoted("All 46 tests pass.", evidence) == ["46"]
    assert quoted("Two of them failed.", evidence) == ["failed"]


def test_names_and_other_languages_only_warn() -> None:
    evidence = given(("get_order", ORDER))
    assert quoted("I spoke with Dr. Vance about it.", evidence) == []
    assert quoted("I spoke with Dr. Vance about it.", evidence, certain=False) == ["Dr. Vance"]
    german = "Ihre Bestellung wird von uns mit 77,70 erstattet und ist in der Post."
    assert quoted(german, evidence) == []
    assert quoted(german, evidence, certain=False) == ["77,70"]


def test_arguments_count_as_given_only_when_the_call_succeeded() -> None:
    def said(fault: Any) -> list[str]:
        call = ToolCall(id="c", name="cancel_order", arguments={"note": "code ZX-4471"})
        turns = (
            Turn(role="system", content=POLICY),
            Turn(role="user", content="Cancel it."),
            Turn(role="assistant", tool_calls=(call,)),
            Turn(role="tool", name="cancel_order", tool_call_id="c", content="{}", fault=fault),
            Turn(role="assistant", content="I noted ZX-4471."),
        )
        return [claim.quote for _, claim in claims_of(turns, TOOLS)]

    assert said(None) == []
    assert said("tool_error") == ["ZX-4471"]


# ---------------------------------------------------------------- the judge


def judged(answer: str) -> Trajectory:
    call = ToolCall(id="c", name="get_order", arguments={"order_id": "QM-11029"})
    result = ToolResult(content=json.dumps(ORDER))
    turns = (
        Turn(role="system", content=POLICY),
        Turn(role="user", content="What do I have?"),
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", name="get_order", tool_call_id="c", content=result.content),
        Turn(role="assistant", content=answer),
    )
    proven = ProvenTurn(calls=((ProvenCall(call=call, result=result),),), answer="115.45")
    found = balance_trajectory(turns)
    return found.model_copy(
        update={"task": balance_task(), "proof": Proof(task_id="t", turns=(proven,)), "tools": TOOLS, "begun": (1,)}
    )


async def test_a_wrong_claim_fails_grounded_at_its_turn() -> None:
    judge: RulesJudge = load("judges", "rules").make(load("judges", "rules").config())
    right = next(s for s in await judge.score(judged("It is 115.45.")) if s.name == "grounded")
    assert (right.value, right.passed, right.version) == (1.0, True, "2")
    assert right.reason == "A tool had answered before the requests that need one were served."
    found = judged("It is 21.90, code AB-77.")
    wrong = next(s for s in await judge.score(found) if s.name == "grounded")
    assert (wrong.value, wrong.passed, wrong.evidence) == (0.0, False, (4,))
    assert wrong.reason == (
        'In turn 4 the answer says "21.90"; no tool, user or policy gave this number; '
        'in turn 4 the answer says "AB-77"; no tool, user or policy gave this id.'
    )
    assert RulesJudge.reason(wrong, found) == "unsupported_claim"
    warned = next(s for s in await judge.score(judged("Ann Vance says it is 115.45.")) if s.name == "grounded")
    assert warned.passed is True


async def test_claims_are_noted_beside_their_turn_with_their_place() -> None:
    judge: RulesJudge = load("judges", "rules").make(load("judges", "rules").config())
    text = "It is $21.90, says Ann Vance."
    scored = await with_scores(judged(text), {"rules": judge})
    (noted,) = [one for one in scored.attachments if one.kind == CLAIMS]
    assert (noted.turn, noted.version) == (4, 1)
    amount, name = noted.value
    assert amount == {
        "quote": "$21.90",
        "why": "no tool, user or policy gave this amount",
        "start": 6,
        "end": 12,
        "certain": True,
    }
    assert (text[name["start"] : name["end"]], name["certain"]) == ("Ann Vance", False)
    assert (await with_scores(judged("It is 115.45."), {"rules": judge})).attachments == ()
