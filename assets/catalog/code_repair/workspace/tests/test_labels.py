import unittest

from stockroom import labels


class LabelTest(unittest.TestCase):
    def test_short_names_stay(self):
        self.assertEqual(labels.shorten("Hex bolt", 24), "Hex bolt")

    def test_cut_at_a_word(self):
        self.assertEqual(labels.shorten("Hex bolt, stainless steel", 20), "Hex bolt,...")

    def test_two_lines(self):
        self.assertEqual(labels.label("AB-1234", "Hex bolt"), ["AB-1234", "Hex bolt"])
