"""What the shipped shared tools answer, and that a version never changes."""

from __future__ import annotations

import hashlib
import runpy
from typing import Any

import pytest

from engine.domains import shared_tools
from engine.settings import SHARED_TOOLS

CALCULATOR = runpy.run_path(str(SHARED_TOOLS / "calculator" / "1.py"))
DATES = runpy.run_path(str(SHARED_TOOLS / "dates" / "1.py"))
NEVER_CHANGED = {
    "calculator@1": "ba275b5d468e547d",
    "dates@1": "040b39931ca97bea",
}
"""Give a new version a file and a line of its own here; an entry stays as it is."""


def test_a_version_never_changes() -> None:
    found = {
        f"{o.name}@{o.version}": hashlib.sha256(o.text).hexdigest()[:16] for o in shared_tools.shipped(SHARED_TOOLS)
    }
    assert found == NEVER_CHANGED


@pytest.mark.parametrize(
    ("expression", "decimals", "result", "exact"),
    [
        ("(19.99 + 5) * 3", None, "74.97", True),
        ("0.1 + 0.2", None, "0.3", True),
        ("-2 * -(3 - .5)", None, "5", True),
        ("10 - 2 - 3", None, "5", True),
        ("100 / 8 / 5", None, "2.5", True),
        ("1 / 3", None, "0.33333333333333333333", False),
        ("2.675", 2, "2.68", False),
        ("-2.5", 0, "-3", False),
        ("-0.004", 2, "0.00", False),
        ("7", 2, "7.00", True),
        ("99999999999999999999 + 1", None, "100000000000000000000", True),
    ],
)
def test_calculations_are_exact(expression: str, decimals: int | None, result: str, exact: bool) -> None:
    assert CALCULATOR["calculate"](expression, decimals) == {"result": result, "exact": exact}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("1 / (2 - 2)",), "divides by zero"),
        (("(1",), "not closed"),
        (("2 3",), "should end"),
        (("",), "ends too early"),
        (("2 ** 9",), "where a number should be"),
        (("1e5",), "no number, operator or bracket"),
        (("__import__('os')",), "no number"),
        (("(" * 201,), "longer than 200"),
        (("1", 21), "decimals must be"),
    ],
)
def test_what_cannot_be_worked_out_is_told(arguments: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CALCULATOR["calculate"](*arguments)


def test_the_deepest_brackets_are_worked_out() -> None:
    assert CALCULATOR["calculate"]("(" * 99 + "1" + ")" * 99)["result"] == "1"


def test_numbers_are_summarized_without_rounding_errors() -> None:
    found = CALCULATOR["summarize_numbers"]([0.1, 0.2, 0.3])
    assert found == {"count": 3, "sum": "0.6", "mean": "0.2", "least": "0.1", "greatest": "0.3"}
    with pytest.raises(ValueError, match="at least one"):
        CALCULATOR["summarize_numbers"]([])


def test_dates_are_reckoned() -> None:
    assert DATES["days_between"]("2024-02-28", "2024-03-01") == {"days": 2}
    assert DATES["days_between"]("2024-03-01", "2024-02-28") == {"days": -2}
    assert DATES["add_to_date"]("2024-01-31", months=1) == {"date": "2024-02-29", "weekday": "Thursday"}
    assert DATES["add_to_date"]("2024-01-15", days=-15, months=-1) == {"date": "2023-11-30", "weekday": "Thursday"}
    assert DATES["weekday_of"]("2026-01-01") == {"weekday": "Thursday", "week": 1}


@pytest.mark.parametrize("date", ["2024-2-1", "20240201", "2024-02-30", "tomorrow", ""])
def test_what_is_no_date_is_told(date: str) -> None:
    with pytest.raises(ValueError, match="is no date of the form YYYY-MM-DD"):
        DATES["weekday_of"](date)


@pytest.mark.parametrize("more", [{"days": 10**12}, {"months": 10**6}, {"months": -30000}])
def test_a_date_out_of_reach_is_told(more: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        DATES["add_to_date"]("2024-01-01", **more)
