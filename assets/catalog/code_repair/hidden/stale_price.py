import unittest

from decimal import Decimal

from stockroom.prices import PriceList


class HiddenTest(unittest.TestCase):
    def test_a_change_counts_at_once(self):
        prices = PriceList({"AB-1234": "4.50"})
        self.assertEqual(prices.price("AB-1234", "ACME"), Decimal("4.50"))
        prices.change("AB-1234", "5.00")
        self.assertEqual(prices.price("AB-1234"), Decimal("5.00"))
        self.assertEqual(prices.price("AB-1234", "ACME"), Decimal("5.00"))

    def test_special_prices_stay(self):
        prices = PriceList({"AB-1234": "4.50"})
        prices.agree("AB-1234", "ACME", "4.00")
        prices.price("AB-1234", "ACME")
        prices.change("AB-1234", "5.00")
        self.assertEqual(prices.price("AB-1234", "ACME"), Decimal("4.00"))
