import unittest

from stockroom import parts


class ParseTest(unittest.TestCase):
    def test_plain(self):
        self.assertEqual(parts.parse("AB-1234"), ("AB", 1234, 0))

    def test_revision(self):
        self.assertEqual(parts.parse("AB-1234/2"), ("AB", 1234, 2))

    def test_refuses_other_text(self):
        with self.assertRaises(ValueError):
            parts.parse("hello")


class OrderTest(unittest.TestCase):
    def test_by_family_and_number(self):
        self.assertEqual(parts.in_order(["CD-0001", "AB-0200", "AB-0100"]), ["AB-0100", "AB-0200", "CD-0001"])

    def test_revisions(self):
        self.assertEqual(parts.in_order(["AB-0100/2", "AB-0100/1"]), ["AB-0100/1", "AB-0100/2"])

    def test_same_part(self):
        self.assertTrue(parts.same_part("AB-1234", "AB-1234/3"))
