import unittest

from stockroom.reports import average


class HiddenTest(unittest.TestCase):
    def test_no_values(self):
        self.assertIsNone(average([]))
        self.assertIsNone(average(()))

    def test_values(self):
        self.assertEqual(average([0]), 0)
        self.assertEqual(average([1, 2]), 1.5)
