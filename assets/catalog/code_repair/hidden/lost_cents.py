import unittest

from decimal import Decimal

from stockroom.money import split


class HiddenTest(unittest.TestCase):
    def test_parts_add_up(self):
        for amount, parts in (("100.00", 3), ("10.00", 6), ("0.05", 2), ("0.01", 4), ("7.77", 7)):
            self.assertEqual(sum(split(amount, parts)), Decimal(amount))

    def test_the_first_parts_get_the_spare_cents(self):
        self.assertEqual(split("1.00", 3), [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")])
