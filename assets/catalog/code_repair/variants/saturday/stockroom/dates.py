"""Due dates, months and shipping days."""

import calendar
from datetime import date, timedelta

DEFAULT_TERMS = 30


def due_date(issued, terms=None):
    """Return when an invoice is due: `terms` days after it was issued, 30 when the customer has no terms of their own.

    Terms of 0 mean that it is due at once.
    """
    days = DEFAULT_TERMS if terms is None else terms
    return issued + timedelta(days=days)


def add_months(day, months):
    """Return the same day some months later; the last day of the month where that day does not exist."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def is_shipping_day(day):
    return day.weekday() <= 5


def add_shipping_days(day, count):
    """Return the day that lies `count` shipping days after `day`; weekends do not count."""
    while count > 0:
        day += timedelta(days=1)
        if is_shipping_day(day):
            count -= 1
    return day
