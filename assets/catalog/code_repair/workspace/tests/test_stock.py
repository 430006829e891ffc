import unittest

from stockroom.stock import Stock, reorder_quantity


class StockTest(unittest.TestCase):
    def setUp(self):
        self.stock = Stock()
        self.stock.receive("AB-1234", 10)

    def test_reserve_lowers_available(self):
        self.stock.reserve("AB-1234", 4)
        self.assertEqual(self.stock.available("AB-1234"), 6)
        self.assertEqual(self.stock.on_hand("AB-1234"), 10)

    def test_ship_takes_off_the_shelf(self):
        self.stock.reserve("AB-1234", 4)
        self.stock.ship("AB-1234", 4)
        self.assertEqual(self.stock.on_hand("AB-1234"), 6)

    def test_refuses_to_promise_too_much(self):
        with self.assertRaises(ValueError):
            self.stock.reserve("AB-1234", 11)


class ReorderTest(unittest.TestCase):
    def test_whole_packs(self):
        self.assertEqual(reorder_quantity(available=3, minimum=10, pack_size=5), 10)

    def test_nothing_needed(self):
        self.assertEqual(reorder_quantity(available=10, minimum=10, pack_size=5), 0)
