import unittest

from stockroom.csvio import read_rows


class HiddenTest(unittest.TestCase):
    def test_with_byte_order_mark(self):
        data = "part,pieces\nAB-1234,5\n".encode("utf-8-sig")
        self.assertEqual(read_rows(data), [{"part": "AB-1234", "pieces": "5"}])

    def test_without(self):
        self.assertEqual(read_rows("größe;pieces\nL;5\n".encode()), [{"größe": "L", "pieces": "5"}])
