import unittest

from stockroom.parts import parse, same_part


class HiddenTest(unittest.TestCase):
    def test_more_text_is_refused(self):
        for text in ("AB-12345", "AB-1234/2b", "AB-1234 CD-0001", "AB-1234/", "AB-1234/-1", "xAB-1234"):
            with self.assertRaises(ValueError):
                parse(text)

    def test_part_numbers_are_read(self):
        self.assertEqual(parse(" AB-1234/12 "), ("AB", 1234, 12))
        self.assertTrue(same_part("AB-1234/1", "AB-1234"))
