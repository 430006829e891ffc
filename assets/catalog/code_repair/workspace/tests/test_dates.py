import unittest
from datetime import date

from stockroom import dates


class DueTest(unittest.TestCase):
    def test_default_terms(self):
        self.assertEqual(dates.due_date(date(2026, 3, 2)), date(2026, 4, 1))

    def test_own_terms(self):
        self.assertEqual(dates.due_date(date(2026, 3, 2), 14), date(2026, 3, 16))


class MonthsTest(unittest.TestCase):
    def test_next_month(self):
        self.assertEqual(dates.add_months(date(2026, 3, 15), 1), date(2026, 4, 15))

    def test_over_new_year(self):
        self.assertEqual(dates.add_months(date(2026, 11, 5), 3), date(2027, 2, 5))


class ShippingTest(unittest.TestCase):
    def test_within_a_week(self):
        self.assertEqual(dates.add_shipping_days(date(2026, 3, 2), 3), date(2026, 3, 5))

    def test_over_a_weekend(self):
        self.assertEqual(dates.add_shipping_days(date(2026, 3, 5), 2), date(2026, 3, 9))
