"""Orders, their lines and the quantity discount."""

from dataclasses import dataclass
from decimal import Decimal

from stockroom.money import round_cents

TIERS = ((100, Decimal("0.10")), (50, Decimal("0.05")), (10, Decimal("0.02")))


@dataclass(frozen=True)
class Line:
    part: str
    quantity: int
    price: Decimal


def discount_rate(quantity):
    """Return the discount for a quantity: 2 percent from 10 pieces, 5 percent from 50, 10 percent from 100."""
    for least, rate in TIERS:
        if quantity > least:
            return rate
    return Decimal(0)


class Order:
    """The order of one customer."""

    def __init__(self, customer, lines=None):
        self.customer = customer
        self.lines = list(lines or [])

    def add(self, part, quantity, price):
        if quantity < 1:
            raise ValueError("quantity must be at least 1")
        self.lines.append(Line(part, quantity, Decimal(price)))

    def total(self):
        """Return the sum of all lines less their discounts, in whole cents."""
        lines = (line.quantity * line.price * (1 - discount_rate(line.quantity)) for line in self.lines)
        return round_cents(sum(lines, Decimal(0)))

    def pieces(self):
        return sum(line.quantity for line in self.lines)
