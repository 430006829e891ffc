"""Tools for returns, refunds and exchanges."""

from datetime import date, timedelta
from typing import Literal

import _store

OUR_FAULT = ("damaged", "faulty", "wrong_item")


def check_return(
    customer_id: str,
    order_id: str,
    sku: str,
    reason: Literal["changed_mind", "wrong_size_or_colour", "damaged", "faulty", "wrong_item"],
) -> dict:
    """Say whether an item of an order may come back, until when, what it costs and what would be refunded. What was
    paid with store credit goes back to store credit, which is free.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
        sku: Item number as shown in the order, for example KET12-SAG.
        reason: Why it comes back; damaged means on arrival, faulty means a defect that showed later.
    Effect: read
    """
    row = _store.order(customer_id, order_id)[1]
    item = _store.line(row, order_id, sku)
    until, refusal = _window(customer_id, row, item, reason), None
    try:
        _check(order_id, row, item, reason, until)
    except ValueError as error:
        refusal = str(error)
    value = _store.money(item["unit_price"] * item["quantity"])
    fee = 0.0 if row["payment"]["method"] == "store_credit" else _fee(customer_id, reason)
    return {
        "order_id": order_id,
        "sku": sku,
        "name": item["name"],
        "quantity": item["quantity"],
        "eligible": refusal is None,
        "refusal": refusal,
        "return_by": until and until.isoformat(),
        "return_by_label": until and _store.label(until.isoformat()),
        "refund_original_payment": _store.money(value - fee),
        "refund_store_credit": value,
        "return_fee": fee,
        "needs_approval": value > _store.APPROVAL_LIMIT,
    }


def open_return(
    customer_id: str,
    order_id: str,
    sku: str,
    reason: Literal["changed_mind", "wrong_size_or_colour", "damaged", "faulty", "wrong_item"],
    refund_to: Literal["original_payment", "store_credit"],
) -> dict:
    """Open the return of one order line, all its pieces, worth at most 250.00 EUR; the refund follows when the parcel
    has arrived.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
        sku: Item number as shown in the order, for example KET12-SAG.
        reason: Why it comes back; damaged means on arrival, faulty means a defect that showed later.
        refund_to: original_payment goes back the way the order was paid, store_credit to the shop account.
    Effect: write
    """
    row = _store.order(customer_id, order_id)[1]
    item = _store.line(row, order_id, sku)
    _check(order_id, row, item, reason, _window(customer_id, row, item, reason))
    value = _store.money(item["unit_price"] * item["quantity"])
    if value > _store.APPROVAL_LIMIT:
        raise PermissionError(f"{value:.2f} EUR is above 250.00. Open a ticket of topic high_value_return instead.")
    if row["payment"]["method"] == "store_credit":
        refund_to = "store_credit"
    fee = 0.0 if refund_to == "store_credit" else _fee(customer_id, reason)
    entry = _entry(customer_id, order_id, item, reason)
    entry |= {"kind": "refund", "refund_to": refund_to, "fee": fee, "amount": _store.money(value - fee)}
    return _add(order_id, entry)


def open_exchange(customer_id: str, order_id: str, sku: str, new_sku: str) -> dict:
    """Exchange an item for another option of the same product at the same price, and reserve the new one.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
        sku: Item number in the order.
        new_sku: Item number of the option wanted instead.
    Effect: write
    """
    row = _store.order(customer_id, order_id)[1]
    item = _store.line(row, order_id, sku)
    reason = "wrong_size_or_colour"
    _check(order_id, row, item, reason, _window(customer_id, row, item, reason))
    wanted = _store.variant(new_sku)
    if wanted["product_id"] != item["product_id"] or new_sku == sku:
        raise ValueError("An exchange must be for another option of the same product.")
    if wanted["price"] != item["unit_price"]:
        raise ValueError("The other option has another price. Open a return and let the customer order it anew.")
    if wanted["stock"] < item["quantity"]:
        raise ValueError(f"{new_sku} is out of stock, so it cannot be reserved.")
    variants = _store.load("variants")
    variants[new_sku]["stock"] -= item["quantity"]
    _store.save("variants", variants)
    entry = _entry(customer_id, order_id, item, reason)
    entry |= {"kind": "exchange", "refund_to": None, "fee": 0.0, "amount": 0.0, "new_sku": new_sku}
    return _add(order_id, entry) | {"new_option": wanted["option"]}


def get_return(customer_id: str, return_id: str) -> dict:
    """Return the state of a return or exchange: requested, received or refunded, with amount and route.

    Args:
        customer_id: Id returned by verify_customer.
        return_id: Return number, for example RT-10482-1.
    Effect: read
    """
    row = _owned(customer_id, return_id)[1]
    label = row["refunded_on"] and _store.label(row["refunded_on"])
    return {"return_id": return_id, **row, "refunded_on_label": label}


def cancel_return(customer_id: str, return_id: str) -> dict:
    """Cancel a return that the customer has not sent yet; the customer keeps the item.

    Args:
        customer_id: Id returned by verify_customer.
        return_id: Return number, for example RT-10482-1.
    Effect: write
    """
    returns, row = _owned(customer_id, return_id)
    if row["status"] != "requested":
        raise ValueError(f"Return {return_id} is {row['status']} and cannot be cancelled any more.")
    row["status"] = "cancelled"
    _store.save("returns", returns)
    if row["new_sku"]:
        variants = _store.load("variants")
        variants[row["new_sku"]]["stock"] += row["quantity"]
        _store.save("variants", variants)
    return {"return_id": return_id, "status": "cancelled"}


def _owned(customer_id, return_id):
    _store.customer(customer_id)
    returns = _store.load("returns")
    row = returns.get(return_id)
    if row is None or row["customer_id"] != customer_id:
        raise LookupError(f"There is no return {return_id} on this account. Return numbers look like RT-10482-1.")
    return returns, row


def _window(customer_id, row, item, reason):
    if not row["delivered"]:
        return None
    days = 60 if reason in OUR_FAULT or _store.customer(customer_id)["tier"] == "gold" else 30
    return date.fromisoformat(row["delivered"]) + timedelta(days=days)


def _fee(customer_id, reason):
    free = reason in OUR_FAULT or _store.customer(customer_id)["tier"] == "gold"
    return 0.0 if free else _store.RETURN_FEE


def _check(order_id, row, item, reason, until):
    if row["status"] != "delivered":
        raise ValueError(f"Order {order_id} is {row['status']}; only delivered orders can be returned.")
    for entry in _store.load("returns").values():
        if (entry["order_id"], entry["sku"]) == (order_id, item["sku"]) and entry["status"] != "cancelled":
            raise ValueError(f"There is already a return for {item['sku']} of order {order_id}.")
    if _store.load("products")[item["product_id"]]["final_sale"] and reason not in OUR_FAULT:
        raise ValueError(f"{item['name']} is a final sale item; it can come back only if damaged, faulty or wrong.")
    if _store.today() > until:
        raise ValueError(f"The return window closed on {_store.label(until.isoformat())}.")


def _entry(customer_id, order_id, item, reason):
    return {
        "order_id": order_id,
        "customer_id": customer_id,
        "kind": "refund",
        "sku": item["sku"],
        "quantity": item["quantity"],
        "reason": reason,
        "refund_to": None,
        "fee": 0.0,
        "amount": 0.0,
        "new_sku": None,
        "status": "requested",
        "opened": _store.today().isoformat(),
        "refunded_on": None,
    }


def _add(order_id, entry):
    returns = _store.load("returns")
    number = 1 + sum(row["order_id"] == order_id for row in returns.values())
    return_id = f"RT-{order_id.removeprefix('QM-')}-{number}"
    returns[return_id] = entry
    _store.save("returns", returns)
    return {"return_id": return_id, **entry, "ship_by": "within 14 days, with the label sent by e-mail"}
