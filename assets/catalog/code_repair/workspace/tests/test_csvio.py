import unittest

from stockroom import csvio


class CsvTest(unittest.TestCase):
    def test_read(self):
        self.assertEqual(csvio.read_rows(b"part,pieces\nAB-1234,5\n"), [{"part": "AB-1234", "pieces": "5"}])

    def test_semicolons(self):
        self.assertEqual(csvio.read_rows(b"part;pieces\nAB-1234;5\n"), [{"part": "AB-1234", "pieces": "5"}])

    def test_write(self):
        self.assertEqual(csvio.write_rows([{"part": "AB-1234", "pieces": 5}]), b"part,pieces\nAB-1234,5\n")
