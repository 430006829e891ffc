"""What must hold once half cents is repaired."""

from decimal import Decimal

from stockroom.money import gross, round_cents


def probe_half_cents_go_up():
    found = []
    for amount, rounded in (("0.125", "0.13"), ("0.135", "0.14"), ("2.345", "2.35"), ("10.005", "10.01")):
        found.append(round_cents(amount))
    return found


def probe_away_from_zero():
    return round_cents("-0.125")


def probe_others():
    return [[round_cents("1.004"), round_cents("1.006")], gross("0.50", 25)]
