"""What must hold once lost cents is repaired."""

from decimal import Decimal

from stockroom.money import split


def probe_parts_add_up():
    found = []
    for amount, parts in (("100.00", 3), ("10.00", 6), ("0.05", 2), ("0.01", 4), ("7.77", 7)):
        found.append(sum(split(amount, parts)))
    return found


def probe_the_first_parts_get_the_spare_cents():
    return split("1.00", 3)
