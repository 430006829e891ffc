"""Reckoning with dates. There is no clock: every date is given."""

import re
from calendar import monthrange
from datetime import date as day
from datetime import timedelta

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}")


def days_between(start: str, end: str) -> dict:
    """Count the days from one date to another. The number is negative when the second date is the earlier one.

    Args:
        start: Date as YYYY-MM-DD.
        end: Date as YYYY-MM-DD.

    Effect: read
    """
    return {"days": (_date(end) - _date(start)).days}


def add_to_date(date: str, days: int = 0, months: int = 0) -> dict:
    """Give the date that is some months and days after a date, or before it with negative numbers.

    Months are counted first; where the month found is too short, its last day is taken.

    Args:
        date: Date as YYYY-MM-DD.
        days: Days to add.
        months: Months to add.

    Effect: read
    """
    start = _date(date)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    try:
        shifted = day(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
        found = shifted + timedelta(days=days)
    except (ValueError, OverflowError):
        raise ValueError("That date lies outside the years 1 to 9999.") from None
    return {"date": found.isoformat(), "weekday": _weekday(found)}


def weekday_of(date: str) -> dict:
    """Tell on which day of the week a date falls, and the number of its ISO week.

    Args:
        date: Date as YYYY-MM-DD.

    Effect: read
    """
    found = _date(date)
    return {"weekday": _weekday(found), "week": found.isocalendar().week}


def _date(text):
    try:
        return day.fromisoformat(text if _FORM.fullmatch(text) else "")
    except ValueError:
        raise ValueError(f"'{text}' is no date of the form YYYY-MM-DD.") from None


def _weekday(found):
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[found.weekday()]
