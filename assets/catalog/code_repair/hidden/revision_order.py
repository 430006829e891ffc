import unittest

from stockroom.parts import in_order


class HiddenTest(unittest.TestCase):
    def test_revisions_are_numbers(self):
        parts = ["AB-1234/10", "AB-1234/9", "AB-1234", "AB-1234/100"]
        self.assertEqual(in_order(parts), ["AB-1234", "AB-1234/9", "AB-1234/10", "AB-1234/100"])

    def test_family_goes_first(self):
        self.assertEqual(in_order(["CD-0001/1", "AB-9999/12"]), ["AB-9999/12", "CD-0001/1"])
