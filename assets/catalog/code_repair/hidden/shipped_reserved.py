import unittest

from stockroom.stock import Stock


class HiddenTest(unittest.TestCase):
    def test_shipping_ends_the_reservation(self):
        stock = Stock()
        stock.receive("AB-1234", 10)
        stock.reserve("AB-1234", 6)
        stock.ship("AB-1234", 4)
        self.assertEqual((stock.on_hand("AB-1234"), stock.available("AB-1234")), (6, 4))

    def test_not_more_than_reserved(self):
        stock = Stock()
        stock.receive("AB-1234", 10)
        stock.reserve("AB-1234", 4)
        stock.ship("AB-1234", 4)
        with self.assertRaises(ValueError):
            stock.ship("AB-1234", 1)
