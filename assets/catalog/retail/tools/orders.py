"""Tools for orders: look up, track, cancel, redirect, speed up."""

from datetime import timedelta
from typing import Literal

import _store


def track_order(order_id: str, postcode: str) -> dict:
    """Return where an order is and when it should arrive. Needs no login, only the delivery postcode.

    Args:
        order_id: Order number, for example QM-10482.
        postcode: Postcode the order is delivered to.
    Effect: read
    """
    row = _store.load("orders").get(order_id)
    if row is None or row["address"]["postcode"] != postcode.strip():
        raise LookupError("No order matches that order number and delivery postcode. Ask the customer to check both.")
    result = {"order_id": order_id, "status": row["status"], "carrier": row["carrier"]}
    if row["delivered"]:
        result |= {"delivered": row["delivered"], "delivered_label": _store.label(row["delivered"])}
    elif row["status"] != "cancelled":
        late = row["expected_delivery"] < _store.today().isoformat()
        result |= {
            "expected_delivery": row["expected_delivery"],
            "expected_label": _store.label(row["expected_delivery"]),
            "overdue": late,
        }
    return result


def list_orders(
    customer_id: str,
    status: Literal["any", "pending", "processing", "shipped", "delivered", "cancelled", "returned"] = "any",
) -> list:
    """List a verified customer's orders, newest first, with status, total and the items' names.

    Args:
        customer_id: Id returned by verify_customer.
        status: Only orders in this status.
    Effect: read
    """
    _store.customer(customer_id)
    rows = [
        {
            "order_id": order_id,
            "placed": row["placed"],
            "status": row["status"],
            "total": row["total"],
            "items": [item["name"] for item in row["items"]],
        }
        for order_id, row in _store.load("orders").items()
        if row["customer_id"] == customer_id and status in ("any", row["status"])
    ]
    return sorted(rows, key=lambda row: (row["placed"], row["order_id"]), reverse=True)


def get_order(customer_id: str, order_id: str) -> dict:
    """Return one order of a verified customer in full: items with item numbers, totals, payment, dates, address.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
    Effect: read
    """
    row = _store.order(customer_id, order_id)[1]
    return {"order_id": order_id, **row}


def cancel_order(customer_id: str, order_id: str) -> dict:
    """Cancel a whole order that has not been handed to the carrier, and refund it the way it was paid.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
    Effect: write
    """
    orders, row = _store.order(customer_id, order_id)
    _must_be_open(order_id, row, "cancelled")
    row["status"], row["refunded"] = "cancelled", row["total"]
    variants = _store.load("variants")
    for item in row["items"]:
        variants[item["sku"]]["stock"] += item["quantity"]
    if row["payment"]["method"] == "store_credit":
        _add_credit(customer_id, row["total"])
    _store.save("variants", variants)
    _store.save("orders", orders)
    return {
        "order_id": order_id,
        "status": "cancelled",
        "refund": row["total"],
        "refund_to": row["payment"]["label"],
    }


def change_delivery_address(customer_id: str, order_id: str, address_label: Literal["home", "work", "other"]) -> dict:
    """Send an order that has not been handed to the carrier to another address saved on the account.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
        address_label: Saved address to deliver to.
    Effect: write
    """
    orders, row = _store.order(customer_id, order_id)
    _must_be_open(order_id, row, "redirected")
    addresses = _store.customer(customer_id)["addresses"]
    if address_label not in addresses:
        raise LookupError(
            f"No {address_label} address is saved. Saved: {', '.join(addresses)}. Use save_address first."
        )
    row["address_label"], row["address"] = address_label, dict(addresses[address_label])
    _store.save("orders", orders)
    return {"order_id": order_id, "address_label": address_label, "address": row["address"]}


def upgrade_to_express(customer_id: str, order_id: str) -> dict:
    """Change an order that has not been handed to the carrier from standard to express delivery.

    The difference between 9.95 and the delivery already paid is charged to the order's payment method. The order
    arrives within 2 days from today, or on the day planned so far if that is earlier.

    Args:
        customer_id: Id returned by verify_customer.
        order_id: Order number, for example QM-10482.
    Effect: write
    """
    orders, row = _store.order(customer_id, order_id)
    _must_be_open(order_id, row, "upgraded")
    if row["shipping_method"] == "express":
        raise ValueError(f"Order {order_id} already goes by express delivery.")
    if row["payment"]["method"] == "store_credit":
        raise ValueError("An order paid with store credit cannot be charged more. Offer to cancel and order again.")
    extra = _store.money(_store.SHIPPING["express"] - row["shipping"])
    row["shipping_method"], row["shipping"] = "express", _store.SHIPPING["express"]
    row["total"] = _store.money(row["total"] + extra)
    soonest = (_store.today() + timedelta(days=_store.EXPRESS_DAYS)).isoformat()
    row["expected_delivery"] = min(row["expected_delivery"], soonest)
    _store.save("orders", orders)
    return {
        "order_id": order_id,
        "shipping_method": "express",
        "expected_delivery": row["expected_delivery"],
        "expected_label": _store.label(row["expected_delivery"]),
        "charged": extra,
        "charged_to": row["payment"]["label"],
        "new_total": row["total"],
    }


def _must_be_open(order_id, row, action):
    if row["status"] not in ("pending", "processing"):
        raise ValueError(
            f"Order {order_id} is {row['status']} and can no longer be {action}. Only pending or processing orders can."
        )


def _add_credit(customer_id, amount):
    customers = _store.load("customers")
    row = customers[customer_id]
    row["store_credit"] = _store.money(row["store_credit"] + amount)
    _store.save("customers", customers)
