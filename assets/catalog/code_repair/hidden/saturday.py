import unittest

from datetime import date

from stockroom.dates import add_shipping_days, is_shipping_day


class HiddenTest(unittest.TestCase):
    def test_the_week(self):
        week = [is_shipping_day(date(2026, 3, day)) for day in range(2, 9)]
        self.assertEqual(week, [True] * 5 + [False] * 2)

    def test_over_weekends(self):
        self.assertEqual(add_shipping_days(date(2026, 3, 6), 1), date(2026, 3, 9))
        self.assertEqual(add_shipping_days(date(2026, 3, 7), 1), date(2026, 3, 9))
        self.assertEqual(add_shipping_days(date(2026, 3, 2), 10), date(2026, 3, 16))
