import unittest
from decimal import Decimal

from stockroom.prices import PriceList


class PriceListTest(unittest.TestCase):
    def setUp(self):
        self.prices = PriceList({"AB-1234": "4.50", "CD-0001": "1.00"})

    def test_general_price(self):
        self.assertEqual(self.prices.price("AB-1234"), Decimal("4.50"))

    def test_special_price(self):
        self.prices.agree("AB-1234", "ACME", "4.00")
        self.assertEqual(self.prices.price("AB-1234", "ACME"), Decimal("4.00"))

    def test_unknown_part(self):
        with self.assertRaises(KeyError):
            self.prices.price("ZZ-9999")
