import unittest

from datetime import date

from stockroom.dates import due_date


class HiddenTest(unittest.TestCase):
    def test_terms_of_zero(self):
        self.assertEqual(due_date(date(2026, 3, 2), 0), date(2026, 3, 2))

    def test_no_terms(self):
        self.assertEqual(due_date(date(2026, 3, 2)), date(2026, 4, 1))
        self.assertEqual(due_date(date(2026, 3, 2), None), date(2026, 4, 1))

    def test_other_terms(self):
        self.assertEqual(due_date(date(2026, 3, 2), 1), date(2026, 3, 3))
