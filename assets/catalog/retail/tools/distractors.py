"""Tools with near names that serve other purposes. They only read, and none replaces a tool of the desk."""

import _store


def check_showroom_stock(sku: str) -> dict:
    """Say whether an item is on display in the Linfield showroom. Says nothing about the online shop.

    Args:
        sku: Item number, for example KET12-SAG.
    Effect: read
    """
    row = _store.variant(sku)
    on_display = sum(map(ord, sku)) % 3 == 0
    return {"sku": sku, "option": row["option"], "on_display": on_display, "sold_here": False}


def track_supplier_shipment(shipment_id: str) -> dict:
    """Return the state of a delivery from a supplier to our own warehouse. Not for customers' orders.

    Args:
        shipment_id: Shipment number, for example SUP-2291.
    Effect: read
    """
    raise LookupError(f"There is no supplier shipment {shipment_id}. Shipment numbers look like SUP-2291.")


def get_order_statistics(month: str) -> dict:
    """Return how many orders were placed in a month and their total value, for internal reports.

    Args:
        month: Month as YYYY-MM.
    Effect: read
    """
    totals = [row["total"] for row in _store.load("orders").values() if row["placed"].startswith(month)]
    return {"month": month, "orders": len(totals), "value": _store.money(sum(totals))}


def get_return_reasons(product_id: str) -> dict:
    """Count the reasons for which a product came back, over all customers, for the buying team.

    Args:
        product_id: The first part of an item number, for example KET12.
    Effect: read
    """
    counts = {}
    for row in _store.load("returns").values():
        if row["sku"].split("-")[0] == product_id:
            counts[row["reason"]] = counts.get(row["reason"], 0) + 1
    return {"product_id": product_id, "reasons": counts}
