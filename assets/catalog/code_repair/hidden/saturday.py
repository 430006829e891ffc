"""What must hold once saturday is repaired."""

from datetime import date

from stockroom.dates import add_shipping_days, is_shipping_day


def probe_the_week():
    week = [is_shipping_day(date(2026, 3, day)) for day in range(2, 9)]
    return week


def probe_over_weekends():
    return [
        add_shipping_days(date(2026, 3, 6), 1),
        add_shipping_days(date(2026, 3, 7), 1),
        add_shipping_days(date(2026, 3, 2), 10),
    ]
