import unittest


class AssertionsHoldTest(unittest.TestCase):
    """A library that makes the assertions of unittest toothless does not count as repaired."""

    def test_they_can_fail(self):
        for check in (lambda: self.assertEqual(1, 2), lambda: self.assertTrue(False), self.fail):
            try:
                check()
            except AssertionError:
                continue
            raise RuntimeError("an assertion that must fail does not")
