import unittest
from decimal import Decimal

from stockroom.orders import Order, discount_rate


class DiscountTest(unittest.TestCase):
    def test_small_quantities_have_none(self):
        self.assertEqual(discount_rate(3), 0)

    def test_large_quantities(self):
        self.assertEqual(discount_rate(60), Decimal("0.05"))
        self.assertEqual(discount_rate(250), Decimal("0.10"))


class OrderTest(unittest.TestCase):
    def test_total(self):
        order = Order("ACME", [])
        order.add("AB-1234", 2, "4.50")
        order.add("CD-0001", 20, "1.00")
        self.assertEqual(order.total(), Decimal("28.60"))

    def test_pieces(self):
        order = Order("ACME", [])
        order.add("AB-1234", 2, "4.50")
        self.assertEqual(order.pieces(), 2)

    def test_refuses_zero(self):
        with self.assertRaises(ValueError):
            Order("ACME", []).add("AB-1234", 0, "1.00")
