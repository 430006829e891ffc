import unittest

from stockroom.reports import top


class HiddenTest(unittest.TestCase):
    def test_equal_ones_by_part_number(self):
        sold = {"CD-0002": 5, "AB-0001": 5, "AB-0003": 9, "AB-0002": 5}
        self.assertEqual([part for part, _ in top(sold, 4)], ["AB-0003", "AB-0001", "AB-0002", "CD-0002"])

    def test_count(self):
        self.assertEqual(top({"CD-0002": 5, "AB-0001": 5}, 1), [("AB-0001", 5)])
        self.assertEqual(top({}, 3), [])
