"""What must hold once terms of zero is repaired."""

from datetime import date

from stockroom.dates import due_date


def probe_terms_of_zero():
    return due_date(date(2026, 3, 2), 0)


def probe_no_terms():
    return [due_date(date(2026, 3, 2)), due_date(date(2026, 3, 2), None)]


def probe_other_terms():
    return due_date(date(2026, 3, 2), 1)
