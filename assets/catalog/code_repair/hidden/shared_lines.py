import unittest

from stockroom.orders import Order


class HiddenTest(unittest.TestCase):
    def test_new_orders_are_empty(self):
        Order("ACME").add("AB-1234", 3, "4.50")
        self.assertEqual(Order("Other").pieces(), 0)

    def test_the_callers_list_is_left_alone(self):
        mine = []
        Order("ACME", mine).add("AB-1234", 3, "4.50")
        self.assertEqual(mine, [])

    def test_given_lines_are_kept(self):
        first = Order("ACME")
        first.add("AB-1234", 3, "4.50")
        self.assertEqual(Order("ACME", first.lines).pieces(), 3)
