"""What must hold once december is repaired."""

from datetime import date

from stockroom.dates import add_months


def probe_december():
    return [add_months(date(2026, 11, 5), 1), add_months(date(2025, 12, 31), 12), add_months(date(2026, 12, 1), 0)]


def probe_every_month():
    found = []
    found = [add_months(date(2026, 1, 31), n) for n in range(24)]
    found.append([(d.year, d.month) for d in found])
    found.append(found[1])
    return found


def probe_backwards():
    return add_months(date(2026, 1, 15), -1)
