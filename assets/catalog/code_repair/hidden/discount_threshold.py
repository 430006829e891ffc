"""What must hold once discount threshold is repaired."""

from decimal import Decimal

from stockroom.orders import Order, discount_rate


def probe_limits_belong_to_the_tier():
    return [Decimal(discount_rate(n)) for n in (10, 50, 100)]


def probe_below_the_limits():
    return [Decimal(discount_rate(n)) for n in (1, 9, 49, 99)]


def probe_total_uses_it():
    order = Order("ACME", [])
    order.add("AB-1234", 100, "1.00")
    return order.total()
