import unittest

from decimal import Decimal

from stockroom.money import gross, round_cents


class HiddenTest(unittest.TestCase):
    def test_half_cents_go_up(self):
        for amount, rounded in (("0.125", "0.13"), ("0.135", "0.14"), ("2.345", "2.35"), ("10.005", "10.01")):
            self.assertEqual(round_cents(amount), Decimal(rounded))

    def test_away_from_zero(self):
        self.assertEqual(round_cents("-0.125"), Decimal("-0.13"))

    def test_others(self):
        self.assertEqual([round_cents("1.004"), round_cents("1.006")], [Decimal("1.00"), Decimal("1.01")])
        self.assertEqual(gross("0.50", 25), Decimal("0.63"))
