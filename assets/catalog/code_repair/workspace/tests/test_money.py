import unittest
from decimal import Decimal

from stockroom import money


class RoundTest(unittest.TestCase):
    def test_keeps_cents(self):
        self.assertEqual(money.round_cents("12.34"), Decimal("12.34"))

    def test_half_goes_up(self):
        self.assertEqual(money.round_cents("0.015"), Decimal("0.02"))


class GrossTest(unittest.TestCase):
    def test_adds_tax(self):
        self.assertEqual(money.gross("100", 19), Decimal("119.00"))


class SplitTest(unittest.TestCase):
    def test_even(self):
        self.assertEqual(money.split("9.00", 3), [Decimal("3.00")] * 3)

    def test_refuses_zero_parts(self):
        with self.assertRaises(ValueError):
            money.split("9.00", 0)


class ParseTest(unittest.TestCase):
    def test_reads_separators(self):
        self.assertEqual(money.parse("$1,234.50"), Decimal("1234.50"))
