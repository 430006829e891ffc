import unittest

from decimal import Decimal

from stockroom.orders import Order, discount_rate


class HiddenTest(unittest.TestCase):
    def test_limits_belong_to_the_tier(self):
        self.assertEqual([discount_rate(n) for n in (10, 50, 100)], [Decimal("0.02"), Decimal("0.05"), Decimal("0.10")])

    def test_below_the_limits(self):
        self.assertEqual([discount_rate(n) for n in (1, 9, 49, 99)], [0, 0, Decimal("0.02"), Decimal("0.05")])

    def test_total_uses_it(self):
        order = Order("ACME", [])
        order.add("AB-1234", 100, "1.00")
        self.assertEqual(order.total(), Decimal("90.00"))
