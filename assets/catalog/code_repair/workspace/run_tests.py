"""Runs the unit tests and prints one line per test: `python3 run_tests.py [test_file ...]`."""

import sys

sys.dont_write_bytecode = True

import unittest  # noqa: E402


class Lines(unittest.TestResult):
    """Prints no times and no absolute paths, so that two runs can be compared."""

    def addSuccess(self, test):
        print(f"ok    {test.id()}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"FAIL  {test.id()}: {str(err[1]).splitlines()[0]}")

    def addError(self, test, err):
        super().addError(test, err)
        print(f"ERROR {test.id()}: {err[0].__name__}: {err[1]}")


def main(names):
    loader = unittest.TestLoader()
    if names:
        suite = loader.loadTestsFromNames([f"tests.{name.removesuffix('.py')}" for name in names])
    else:
        suite = loader.discover("tests", top_level_dir=".")
    result = Lines()
    suite.run(result)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun} tests, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
