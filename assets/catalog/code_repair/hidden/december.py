import unittest

from datetime import date

from stockroom.dates import add_months


class HiddenTest(unittest.TestCase):
    def test_december(self):
        self.assertEqual(add_months(date(2026, 11, 5), 1), date(2026, 12, 5))
        self.assertEqual(add_months(date(2025, 12, 31), 12), date(2026, 12, 31))
        self.assertEqual(add_months(date(2026, 12, 1), 0), date(2026, 12, 1))

    def test_every_month(self):
        found = [add_months(date(2026, 1, 31), n) for n in range(24)]
        self.assertEqual([(d.year, d.month) for d in found], [(2026 + n // 12, n % 12 + 1) for n in range(24)])
        self.assertEqual(found[1], date(2026, 2, 28))

    def test_backwards(self):
        self.assertEqual(add_months(date(2026, 1, 15), -1), date(2025, 12, 15))
