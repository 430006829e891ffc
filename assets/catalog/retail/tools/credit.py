"""Tools for gift cards, points, compensation, price matches and escalation."""

from datetime import date, timedelta
from typing import Literal

import _store


def gift_card_balance(code: str, pin: str) -> dict:
    """Return the balance and expiry date of a gift card. Needs no login.

    Args:
        code: Code on the card, for example GC-7KXM-2PQR.
        pin: Four-digit PIN of the card.
    Effect: read
    """
    row = _card(code, pin)[1]
    return {
        "code": code,
        "balance": row["balance"],
        "expires": row["expires"],
        "expires_label": _store.label(row["expires"]),
        "expired": row["expires"] < _store.today().isoformat(),
    }


def redeem_gift_card(customer_id: str, code: str, pin: str) -> dict:
    """Move the whole balance of a valid gift card to the customer's store credit. Cannot be undone.

    Args:
        customer_id: Id returned by verify_customer.
        code: Code on the card, for example GC-7KXM-2PQR.
        pin: Four-digit PIN of the card.
    Effect: write
    """
    _store.customer(customer_id)
    cards, row = _card(code, pin)
    if row["expires"] < _store.today().isoformat():
        raise ValueError(f"Gift card {code} expired on {_store.label(row['expires'])} and cannot be redeemed.")
    if row["balance"] <= 0:
        raise ValueError(f"Gift card {code} is empty.")
    amount, row["balance"], row["redeemed_by"] = row["balance"], 0.0, customer_id
    _store.save("gift_cards", cards)
    return {"code": code, "added": amount, "store_credit": _credit(customer_id, amount)}


def redeem_points(customer_id: str, points: int) -> dict:
    """Turn loyalty points into store credit: every 100 points give 5.00 EUR.

    Args:
        customer_id: Id returned by verify_customer.
        points: How many points, in whole hundreds, from 200 to 2000.
    Effect: write
    """
    row = _store.customer(customer_id)
    if points % 100 or not 200 <= points <= 2000:
        raise ValueError("Points can be redeemed in whole hundreds only, from 200 to 2000 at a time.")
    if points > row["points"]:
        raise ValueError(f"The account holds {row['points']} points, so {points} cannot be redeemed.")
    customers = _store.load("customers")
    customers[customer_id]["points"] -= points
    _store.save("customers", customers)
    added = _store.money(points / 100 * 5)
    return {
        "redeemed": points,
        "points_left": customers[customer_id]["points"],
        "added": added,
        "store_credit": _credit(customer_id, added),
    }


def give_late_credit(customer_id: str, order_id: str) -> dict:
    """Give store credit for a late delivery: 5.00 EUR for 1 to 3 days, 10.00 EUR for 4 days or more, once per order.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
    Effect: write
    """
    orders, row = _store.order(customer_id, order_id)
    days = _days_late(row)
    if days < 1:
        raise ValueError(f"Order {order_id} is not late: it was promised for {_store.label(row['expected_delivery'])}.")
    if row["late_credit"]:
        raise ValueError(f"Order {order_id} has already been given {row['late_credit']:.2f} EUR for lateness.")
    row["late_credit"] = 5.0 if days <= 3 else 10.0
    _store.save("orders", orders)
    credit = _credit(customer_id, row["late_credit"])
    return {"order_id": order_id, "days_late": days, "added": row["late_credit"], "store_credit": credit}


def request_price_match(
    customer_id: str,
    order_id: str,
    sku: str,
    competitor: Literal["Hearth & Hollow", "Norrvik", "Pantry Lane"],
    competitor_price: float,
) -> dict:
    """Refund the difference to a listed competitor's lower price as store credit, within 14 days of the order.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
        sku: Item number as shown in the order.
        competitor: The shop that sells the item for less; only these three are matched.
        competitor_price: Price of one piece there, in EUR.
    Effect: write
    """
    row = _store.order(customer_id, order_id)[1]
    item = _store.line(row, order_id, sku)
    _check_match(order_id, row, item, competitor_price)
    matches = _store.load("price_matches")
    key = f"{order_id}/{sku}"
    if key in matches:
        raise ValueError(f"The price of {sku} in order {order_id} has been matched already.")
    refund = _store.money((item["unit_price"] - competitor_price) * item["quantity"])
    matches[key] = {
        "customer_id": customer_id,
        "competitor": competitor,
        "paid": item["unit_price"],
        "matched": _store.money(competitor_price),
        "refund": refund,
        "granted": _store.today().isoformat(),
    }
    _store.save("price_matches", matches)
    return {"order_id": order_id, "sku": sku, "refund": refund, "store_credit": _credit(customer_id, refund)}


def create_ticket(
    customer_id: str,
    topic: Literal["high_value_return", "safety", "privacy", "legal", "complaint"],
    order_id: str | None = None,
    note: str = "",
) -> dict:
    """Hand a case to a human specialist, who answers by e-mail within two working days.

    Args:
        customer_id: Id returned by verify_customer.
        topic: What it is about; one open ticket per customer, topic and order.
        order_id: Order number when it is about an order.
        note: Short summary for the specialist, optional.
    Effect: write
    """
    _store.customer(customer_id)
    if order_id is not None:
        _store.order(customer_id, order_id)
    tickets = _store.load("tickets")
    ticket_id = "-".join(["TK", customer_id, topic, *([order_id] if order_id else [])])
    if ticket_id in tickets:
        raise ValueError(f"Ticket {ticket_id} is open already.")
    tickets[ticket_id] = {
        "customer_id": customer_id,
        "topic": topic,
        "order_id": order_id,
        "opened": _store.today().isoformat(),
        "note": note,
    }
    _store.save("tickets", tickets)
    return {"ticket_id": ticket_id, "answer_within": "two working days, by e-mail"}


def _card(code, pin):
    cards = _store.load("gift_cards")
    row = cards.get(code.strip().upper())
    if row is None or row["pin"] != pin.strip():
        raise LookupError("No gift card matches that code and PIN. Ask the customer to check both.")
    return cards, row


def _credit(customer_id, amount):
    customers = _store.load("customers")
    row = customers[customer_id]
    row["store_credit"] = _store.money(row["store_credit"] + amount)
    _store.save("customers", customers)
    return row["store_credit"]


def _days_late(row):
    if row["status"] not in ("shipped", "delivered"):
        return 0
    arrived = date.fromisoformat(row["delivered"]) if row["delivered"] else _store.today()
    return (arrived - date.fromisoformat(row["expected_delivery"])).days


def _check_match(order_id, row, item, competitor_price):
    if row["status"] in ("cancelled", "returned"):
        raise ValueError(f"Order {order_id} is {row['status']}; its price cannot be matched.")
    if _store.today() > date.fromisoformat(row["placed"]) + timedelta(days=14):
        raise ValueError(f"Order {order_id} was placed on {_store.label(row['placed'])}, more than 14 days ago.")
    if _store.load("products")[item["product_id"]]["final_sale"]:
        raise ValueError(f"{item['name']} is a final sale item and is not price-matched.")
    if competitor_price >= item["unit_price"]:
        raise ValueError(f"The customer paid {item['unit_price']:.2f} EUR, so the other price is not lower.")
    if competitor_price < item["unit_price"] * 0.8 - 0.005:
        raise ValueError("The other price is more than 20 percent lower; such offers are not matched.")
