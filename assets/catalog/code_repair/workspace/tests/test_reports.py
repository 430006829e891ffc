import unittest

from stockroom import reports


class PagesTest(unittest.TestCase):
    def test_full_pages(self):
        self.assertEqual(reports.pages([1, 2, 3, 4], 2), [[1, 2], [3, 4]])

    def test_no_rows(self):
        self.assertEqual(reports.pages([], 10), [])


class AverageTest(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(reports.average([1, 2, 6]), 3)


class TopTest(unittest.TestCase):
    def test_most_first(self):
        sold = {"AB-0001": 3, "AB-0002": 9, "AB-0003": 5}
        self.assertEqual(reports.top(sold, 2), [("AB-0002", 9), ("AB-0003", 5)])


class TableTest(unittest.TestCase):
    def test_aligned(self):
        self.assertEqual(reports.table([["a", "1"], ["bcd", "2"]]), ["a    1", "bcd  2"])
