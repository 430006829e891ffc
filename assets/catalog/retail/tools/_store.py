"""Loading, saving and the shared rules of the shop. All state is JSON in the working directory."""

import json
from datetime import date

MONTHS = "January February March April May June July August September October November December".split()
FREE_SHIPPING_FROM = 60.0
SHIPPING = {"standard": 4.95, "express": 9.95}
EXPRESS_DAYS = 2
APPROVAL_LIMIT = 250.0
RETURN_FEE = 3.95


def load(name):
    with open(f"{name}.json", encoding="utf-8") as file:
        return json.load(file)


def save(name, value):
    with open(f"{name}.json", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def today():
    return date.fromisoformat(load("store")["today"])


def label(day):
    """Return an ISO date as the customer reads it, for example 'Thursday 26 November 2026'."""
    value = date.fromisoformat(day)
    return f"{value.strftime('%A')} {value.day} {MONTHS[value.month - 1]} {value.year}"


def money(value):
    return round(float(value) + 1e-9, 2)


def customer(customer_id):
    found = load("customers").get(customer_id)
    if found is None:
        raise LookupError(f"There is no customer {customer_id}. Use verify_customer to get the customer id.")
    return found


def order(customer_id, order_id):
    """Return (all orders, this order). Refuses an order of somebody else in the same words as a missing one."""
    customer(customer_id)
    orders = load("orders")
    found = orders.get(order_id)
    if found is None or found["customer_id"] != customer_id:
        raise LookupError(f"There is no order {order_id} on this account. Order numbers look like QM-10482.")
    return orders, found


def line(found, order_id, sku):
    for item in found["items"]:
        if item["sku"] == sku:
            return item
    listed = ", ".join(item["sku"] for item in found["items"])
    raise LookupError(f"Order {order_id} does not contain {sku}. It contains: {listed}.")


def variant(sku):
    found = load("variants").get(sku)
    if found is None:
        raise LookupError(f"There is no item {sku}. Use search_products to find item numbers.")
    return found
