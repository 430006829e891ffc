"""Draws the figures of the first half of 2026: sales, deliveries, returns, stock. All other papers quote them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.catalog.office_drive.company import ACCOUNT_MANAGERS, CUSTOMERS, MONTHS, PRODUCTS, Customer, Product

SEED = 20260706
SEASON = {"2026-01": 28, "2026-02": 33, "2026-03": 46, "2026-04": 55, "2026-05": 58, "2026-06": 47}
HOLIDAYS = ((1, 1), (4, 3), (4, 6), (5, 1))
DISCOUNTED = ("Retail chain",)
REASONS = ("damaged in transit", "wrong item", "faulty", "ordered too many")


@dataclass(frozen=True)
class Line:
    """One order line; revenue = quantity x unit price, in euros."""

    date: str
    order: str
    customer: Customer
    product: Product
    quantity: int
    unit_price: float

    @property
    def revenue(self) -> float:
        return round(self.quantity * self.unit_price, 2)


@dataclass(frozen=True)
class Delivery:
    number: str
    date: str
    product: Product
    quantity: int


@dataclass
class Figures:
    lines: dict[str, list[Line]] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    returns: list[tuple[str, Line, int, str]] = field(default_factory=list)
    stock: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def draw(cls) -> Figures:
        source = random.Random(SEED)
        figures = cls()
        number = 260100
        for month in MONTHS:
            figures.lines[month] = []
            for day in sorted(source.choices(workdays(month), k=SEASON[month])):
                number += 1
                figures.lines[month] += _order(source, day, f"SO-{number}")
        figures._returns(source)
        figures._stock(source)
        return figures

    def _returns(self, source: random.Random) -> None:
        for month in MONTHS:
            for line in source.sample(self.lines[month], 5):
                day = date.fromisoformat(line.date) + timedelta(days=source.randint(3, 12))
                if day < date(2026, 7, 1):
                    quantity = max(1, line.quantity // source.choice((10, 20, 40)))
                    self.returns.append((day.isoformat(), line, quantity, source.choice(REASONS)))
        self.returns.sort(key=lambda entry: (entry[0], entry[1].order, entry[1].product.code))

    def _stock(self, source: random.Random) -> None:
        """Month-end stock = stock before + deliveries - sales; returned goods are scrapped, not restocked."""
        level = {product.code: product.reorder_level * 2 + source.randint(0, 600) for product in PRODUCTS}
        for month in MONTHS:
            sold = self.total(month, lambda line: line.product.code, lambda line: line.quantity)
            self.stock[month] = {}
            for product in PRODUCTS:
                left = level[product.code] - int(sold.get(product.code, 0))
                wanted = product.reorder_level * source.choice((0.7, 1.1, 1.6, 2.0))
                if left < wanted:
                    quantity = -(-(int(wanted) - left) // 50) * 50
                    day = source.choice(workdays(month)[2:8])
                    self.deliveries.append(Delivery(f"PO-{1401 + len(self.deliveries)}", day, product, quantity))
                    left += quantity
                self.stock[month][product.code] = level[product.code] = left

    def total(
        self, month: str, key: Callable[[Line], str], amount: Callable[[Line], float] = lambda line: line.revenue
    ) -> dict[str, float]:
        """Return one month's amounts added up by a key, in order of the key."""
        found: dict[str, float] = defaultdict(float)
        for line in self.lines[month]:
            found[key(line)] += amount(line)
        return {name: round(value, 2) for name, value in sorted(found.items())}

    def revenue(self, *months: str) -> float:
        return round(sum(line.revenue for month in months for line in self.lines[month]), 2)

    def best(self, key: Callable[[Line], str], *months: str) -> tuple[str, float]:
        """Return the name with the highest revenue over some months, and that revenue."""
        found: dict[str, float] = defaultdict(float)
        for month in months:
            for name, value in self.total(month, key).items():
                found[name] += value
        name = max(sorted(found), key=lambda entry: found[entry])
        return name, round(found[name], 2)


def workdays(month: str) -> list[str]:
    """Return the days Monday to Friday of a month, ISO."""
    day = date.fromisoformat(f"{month}-01")
    found = []
    while day.strftime("%Y-%m") == month:
        if day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS:
            found.append(day.isoformat())
        day += timedelta(days=1)
    return found


def _order(source: random.Random, day: str, order: str) -> list[Line]:
    customer = source.choice(CUSTOMERS)
    large = customer.segment in DISCOUNTED
    products = source.sample(PRODUCTS, source.choice((1, 1, 2, 2, 3)))
    found = []
    for product in sorted(products, key=lambda entry: entry.code):
        quantity = (
            source.choice((240, 300, 360, 480, 600)) if large else source.choice((40, 50, 60, 80, 100, 120, 160, 200))
        )
        price = round(product.price * (0.92 if large else 1.0), 2)
        found.append(Line(day, order, customer, product, quantity, price))
    return found


def manager_of(line: Line) -> str:
    return ACCOUNT_MANAGERS[line.customer.region]
