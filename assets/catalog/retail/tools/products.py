"""Tools for the catalogue and stock. None of them needs a login."""

from typing import Literal

import _store


def search_products(
    query: str = "",
    category: Literal["any", "kitchen", "outdoor", "home", "furniture", "bedding", "electronics", "outlet"] = "any",
    max_price: float | None = None,
    in_stock_only: bool = False,
) -> list:
    """Search the catalogue and list matching options with item number, price and stock, cheapest first.

    Args:
        query: Words that must all occur in the product's name or description; empty for everything.
        category: Only this department.
        max_price: Highest price in EUR.
        in_stock_only: Leave out what is out of stock.
    Effect: read
    """
    products, words = _store.load("products"), query.lower().split()
    rows = []
    for sku, row in _store.load("variants").items():
        product = products[row["product_id"]]
        text = f"{product['name']} {product['description']}".lower()
        if (
            all(word in text for word in words)
            and category in ("any", product["category"])
            and (max_price is None or row["price"] <= max_price)
            and (row["stock"] or not in_stock_only)
        ):
            rows.append({"sku": sku, "name": product["name"], **{k: row[k] for k in ("option", "price", "stock")}})
    return sorted(rows, key=lambda row: (row["price"], row["sku"]))


def get_product(product_id: str) -> dict:
    """Return one product with description, warranty, return rule and all its options, prices and stock.

    Args:
        product_id: The first part of an item number, for example KET12.
    Effect: read
    """
    product = _store.load("products").get(product_id)
    if product is None:
        raise LookupError(f"There is no product {product_id}. Use search_products to find it.")
    options = {
        row["option"]: {"sku": sku, "price": row["price"], "stock": row["stock"]}
        for sku, row in _store.load("variants").items()
        if row["product_id"] == product_id
    }
    return {"product_id": product_id, **product, "options": options}


def check_stock(sku: str) -> dict:
    """Return how many pieces of an item are in stock, its price, and when it comes back if sold out.

    Args:
        sku: Item number, for example KET12-SAG.
    Effect: read
    """
    row = _store.variant(sku)
    result = {"sku": sku, "name": _store.load("products")[row["product_id"]]["name"], **row}
    return result | {"restock_label": row["restock_date"] and _store.label(row["restock_date"])}


def add_restock_alert(sku: str, email: str) -> dict:
    """Send an e-mail once when a sold-out item is back in stock. Needs no login.

    Args:
        sku: Item number, for example KET12-SAG.
        email: Where to send the message.
    Effect: write
    """
    row = _store.variant(sku)
    if row["stock"]:
        raise ValueError(f"{sku} is in stock ({row['stock']} pieces); an alert is for sold-out items only.")
    address = email.strip().lower()
    if address.count("@") != 1 or "." not in address.split("@")[1]:
        raise ValueError(f"{email!r} is not an e-mail address.")
    alerts = _store.load("alerts")
    key = f"{sku}/{address}"
    if key in alerts:
        raise ValueError(f"There is already an alert for {sku} to {address}.")
    alerts[key] = {"sku": sku, "email": address, "created": _store.today().isoformat()}
    _store.save("alerts", alerts)
    return {
        "sku": sku,
        "email": address,
        "expected": row["restock_date"],
        "expected_label": _store.label(row["restock_date"]),
    }
