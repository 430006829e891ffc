import unittest

from stockroom.reports import pages


class HiddenTest(unittest.TestCase):
    def test_the_rest_is_kept(self):
        self.assertEqual(pages([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]])
        self.assertEqual(pages([1], 10), [[1]])

    def test_nothing_is_lost(self):
        for count in range(25):
            rows = list(range(count))
            self.assertEqual([row for page in pages(rows, 7) for row in page], rows)
            self.assertTrue(all(pages(rows, 7)))
