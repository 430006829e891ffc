"""The retail pack: its state adds up, its tools keep the policy, and its templates prove in every mode they serve."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine import plugins
from engine.domains import catalog
from engine.domains.sources import sources_of
from engine.planning import tasks
from engine.protocols import Sandbox, SandboxPool
from engine.rolling.prove import prove
from engine.settings import CATALOG, PERSONAS
from engine.types import MODES, Domain, Environment, Mode


@pytest.fixture(scope="module")
def retail() -> Domain:
    return catalog.load(CATALOG / "retail")


@pytest.fixture(scope="module")
def state(retail: Domain) -> dict[str, Any]:
    return {path.removesuffix(".json"): json.loads(data) for path, data in retail.workspace().items()}


@pytest.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    plugin = plugins.load("sandboxes", "local")
    pool = plugin.make(plugin.config())
    await pool.start()
    yield pool
    await pool.aclose()


@pytest.fixture
async def sandbox(retail: Domain, pool: SandboxPool) -> AsyncIterator[Sandbox]:
    async with pool.lease(environment(retail)) as leased:
        yield leased


def environment(domain: Domain) -> Environment:
    return Environment(workspace=domain.workspace(), modules=domain.tool_modules(), key=domain.digest)


def first(rows: dict[str, Any], **wanted: Any) -> tuple[str, dict[str, Any]]:
    return next((key, row) for key, row in rows.items() if all(row[name] == value for name, value in wanted.items()))


# ---------------------------------------------------------------- the state


def test_the_shop_is_large_enough(state: dict[str, Any]) -> None:
    assert len(state["customers"]) >= 30
    assert len(state["products"]) >= 40
    assert len(state["orders"]) >= 80
    assert {row["status"] for row in state["orders"].values()} == {
        "pending", "processing", "shipped", "delivered", "cancelled", "returned"
    }  # fmt: skip


def test_orders_add_up_and_name_what_exists(state: dict[str, Any]) -> None:
    for order_id, row in state["orders"].items():
        lines = sum(item["quantity"] * item["unit_price"] for item in row["items"])
        assert row["subtotal"] == pytest.approx(lines), order_id
        assert row["total"] == pytest.approx(row["subtotal"] + row["shipping"]), order_id
        assert row["refunded"] <= row["total"], order_id
        assert row["customer_id"] in state["customers"], order_id
        for item in row["items"]:
            assert state["variants"][item["sku"]]["product_id"] == item["product_id"], order_id


def test_dates_are_in_order_and_none_lies_ahead(state: dict[str, Any], retail: Domain) -> None:
    today = state["store"]["today"]
    assert "18 November 2026" in retail.policy
    assert today == "2026-11-18"
    for order_id, row in state["orders"].items():
        known = [day for day in (row["placed"], row["shipped"], row["delivered"]) if day]
        assert known == sorted(known), order_id
        assert known[-1] <= today, order_id
        assert (row["status"] in ("delivered", "returned")) == (row["delivered"] is not None), order_id


def test_returns_belong_to_delivered_lines_and_refunds_match(state: dict[str, Any]) -> None:
    paid: dict[str, float] = {}
    for return_id, row in state["returns"].items():
        order = state["orders"][row["order_id"]]
        item = next(item for item in order["items"] if item["sku"] == row["sku"])
        assert order["customer_id"] == row["customer_id"], return_id
        assert order["delivered"] < row["opened"] <= (row["refunded_on"] or "9999"), return_id
        assert row["amount"] == pytest.approx(item["unit_price"] * row["quantity"] - row["fee"]), return_id
        if row["status"] == "refunded":
            paid[row["order_id"]] = paid.get(row["order_id"], 0) + row["amount"]
    for order_id, row in state["orders"].items():
        if row["status"] != "cancelled":
            assert row["refunded"] == pytest.approx(paid.get(order_id, 0)), order_id


def test_only_sold_out_items_have_a_restock_date(state: dict[str, Any]) -> None:
    assert all((row["stock"] == 0) == (row["restock_date"] is not None) for row in state["variants"].values())


# ---------------------------------------------------------------- the rules


async def refused(sandbox: Sandbox, tool: str, **arguments: Any) -> str:
    result = await sandbox.call(tool, arguments)
    assert result.fault == "tool_error", result
    assert (await sandbox.diff()).empty
    return result.content


async def test_a_shipped_order_stays_as_it_is(sandbox: Sandbox, state: dict[str, Any]) -> None:
    order_id, row = first(state["orders"], status="shipped")
    owner = row["customer_id"]
    assert "shipped" in await refused(sandbox, "cancel_order", customer_id=owner, order_id=order_id)
    await refused(sandbox, "change_delivery_address", customer_id=owner, order_id=order_id, address_label="home")
    await refused(sandbox, "upgrade_to_express", customer_id=owner, order_id=order_id)


async def test_another_customers_order_looks_missing(sandbox: Sandbox, state: dict[str, Any]) -> None:
    order_id, row = first(state["orders"], status="pending")
    stranger = next(key for key in state["customers"] if key != row["customer_id"])
    assert "no order" in await refused(sandbox, "cancel_order", customer_id=stranger, order_id=order_id)


async def test_both_identity_details_must_match(sandbox: Sandbox, state: dict[str, Any]) -> None:
    rows = list(state["customers"].values())
    wrong = next(row["postcode"] for row in rows if row["postcode"] != rows[0]["postcode"])
    await refused(sandbox, "verify_customer", email=rows[0]["email"], postcode=wrong)


async def test_money_rules_hold(sandbox: Sandbox, state: dict[str, Any]) -> None:
    rich = next(key for key, row in state["customers"].items() if row["points"] >= 500)
    for points in (100, 250, 2100):
        await refused(sandbox, "redeem_points", customer_id=rich, points=points)
    code, card = next((k, c) for k, c in state["gift_cards"].items() if c["expires"] < "2026-11-18" and c["balance"])
    said = await refused(sandbox, "redeem_gift_card", customer_id=rich, code=code, pin=card["pin"])
    assert "expired" in said


async def test_an_expensive_return_needs_a_specialist(sandbox: Sandbox, retail: Domain) -> None:
    task = tasks.sample(retail, mode="dependent", seed=1, only=["return_high_value"])
    slots = task.slots
    said = await refused(
        sandbox, "open_return", customer_id=slots["customer_id"], order_id=slots["order_id"], sku=slots["sku"],
        reason="faulty", refund_to="original_payment",
    )  # fmt: skip
    assert "high_value_return" in said


async def test_late_credit_is_given_once(sandbox: Sandbox, retail: Domain) -> None:
    slots = tasks.sample(retail, mode="dependent", seed=1, only=["late_delivery_credit"]).slots
    arguments = {"customer_id": slots["customer_id"], "order_id": slots["order_id"]}
    assert (await sandbox.call("give_late_credit", arguments)).fault is None
    again = await sandbox.call("give_late_credit", arguments)
    assert again.fault == "tool_error"
    assert "already" in again.content


async def test_cancelling_puts_the_goods_back(sandbox: Sandbox, state: dict[str, Any]) -> None:
    order_id, row = first(state["orders"], status="processing")
    result = await sandbox.call("cancel_order", {"customer_id": row["customer_id"], "order_id": order_id})
    assert json.loads(result.content)["refund"] == row["total"]
    stock = json.loads(await sandbox.read("variants.json"))
    for item in row["items"]:
        before = state["variants"][item["sku"]]["stock"]
        assert stock[item["sku"]]["stock"] == before + item["quantity"]


async def test_an_upgrade_moves_the_delivery_to_the_day_that_express_promises(
    sandbox: Sandbox, state: dict[str, Any]
) -> None:
    order_id, row = next(
        (key, row)
        for key, row in state["orders"].items()
        if row["status"] == "pending"
        and row["shipping_method"] == "standard"
        and row["expected_delivery"] > "2026-11-20"
    )
    owner = {"customer_id": row["customer_id"], "order_id": order_id}
    result = json.loads((await sandbox.call("upgrade_to_express", owner)).content)
    assert (result["expected_delivery"], result["expected_label"]) == ("2026-11-20", "Friday 20 November 2026")
    known = json.loads((await sandbox.call("get_order", owner)).content)
    assert known["expected_delivery"] == "2026-11-20"


def test_the_policy_and_the_tools_name_the_same_express_days(retail: Domain) -> None:
    assert "Express delivery costs 9.95 and takes\n  2 days" in retail.policy
    assert "EXPRESS_DAYS = 2" in retail.tool_modules()["_store.py"]


async def a_delivered_line(sandbox: Sandbox, state: dict[str, Any], **item: Any) -> dict[str, Any]:
    """Lay an order delivered yesterday to a customer without gold status, paid as `item` says; return its ids."""
    order_id, row = next(
        (key, row)
        for key, row in state["orders"].items()
        if row["status"] == "delivered"
        and state["customers"][row["customer_id"]]["tier"] != "gold"
        and not state["products"][row["items"][0]["product_id"]]["final_sale"]
        and all(entry["order_id"] != key for entry in state["returns"].values())
    )
    method = item.pop("method", "card")
    line = row["items"][0] | item
    paid = row["payment"] | {"method": method}
    orders = state["orders"] | {order_id: row | {"delivered": "2026-11-17", "items": [line], "payment": paid}}
    await sandbox.write("orders.json", json.dumps(orders).encode())
    return {"customer_id": row["customer_id"], "order_id": order_id, "sku": line["sku"]}


async def test_the_bound_for_a_specialist_counts_all_pieces_as_the_policy_says(
    sandbox: Sandbox, state: dict[str, Any], retail: Domain
) -> None:
    assert "worth more than 250.00, all pieces of the item together" in retail.policy
    for quantity, needs in ((2, False), (3, True)):
        await sandbox.reset()
        line = await a_delivered_line(sandbox, state, quantity=quantity, unit_price=125.0)
        checked = json.loads((await sandbox.call("check_return", line | {"reason": "changed_mind"})).content)
        assert (checked["eligible"], checked["needs_approval"]) == (True, needs)
        opened = await sandbox.call("open_return", line | {"reason": "changed_mind", "refund_to": "store_credit"})
        assert (opened.fault == "tool_error") is needs


@pytest.mark.parametrize(("method", "fee"), [("store_credit", 0.0), ("card", 3.95)])
async def test_what_a_return_costs_is_what_was_said_before(
    method: str, fee: float, sandbox: Sandbox, state: dict[str, Any]
) -> None:
    line = await a_delivered_line(sandbox, state, quantity=1, unit_price=40.0, method=method)
    checked = json.loads((await sandbox.call("check_return", line | {"reason": "changed_mind"})).content)
    asked = {"reason": "changed_mind", "refund_to": "original_payment"}
    opened = json.loads((await sandbox.call("open_return", line | asked)).content)
    assert (checked["return_fee"], checked["refund_original_payment"]) == (fee, 40.0 - fee)
    assert (opened["fee"], opened["amount"]) == (fee, 40.0 - fee)


# ---------------------------------------------------------------- templates and personas


@pytest.mark.parametrize("mode", MODES)
def test_several_templates_serve_every_mode(retail: Domain, mode: Mode) -> None:
    assert sum(tasks.serves(retail, template, mode) for template in retail.templates) >= 5


def test_texts_come_in_enough_variants(retail: Domain) -> None:
    assert len(retail.templates) >= 14
    for template in retail.templates:
        for turn in template.turns:
            assert len(set(turn.say)) >= 4, template.id
            assert len(set(turn.answer)) >= 3, template.id
            assert not turn.withhold or len(turn.withhold.say) >= 4 <= len(turn.withhold.reveal), template.id
    assert all(len(question.say) >= 4 for question in retail.questions)


async def test_every_template_proves(retail: Domain, pool: SandboxPool) -> None:
    sources = sources_of(retail)
    for template in retail.templates:
        for seed in range(2):
            turns = len(template.turns)
            task = tasks.sample(retail, mode="multiple", turns=turns, seed=seed, only=[template.id])
            async with pool.lease(environment(retail)) as sandbox:
                proof = await prove(task, retail, sandbox, sources)
            assert proof.reason is None, f"{template.id}: {proof.detail}"
            if "refusal" in template.tags and "write" not in template.tags:
                assert proof.expected is not None
                assert proof.expected.empty, template.id


def test_personas_are_many_and_distinct() -> None:
    personas = catalog.load_personas(PERSONAS)
    assert len(personas) >= 48
    assert len({persona.description for persona in personas}) == len(personas)
    assert {persona.expertise for persona in personas} == {"novice", "intermediate", "expert"}
    assert all(persona.openings and persona.closings for persona in personas)
