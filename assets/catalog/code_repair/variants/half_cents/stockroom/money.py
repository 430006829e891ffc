"""Amounts of money: Decimal, rounded half up to cents at the end."""

from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


def round_cents(amount):
    """Return the amount in whole cents; half a cent goes up, away from zero."""
    return Decimal(amount).quantize(CENT, rounding=ROUND_HALF_EVEN)


def gross(net, tax_percent):
    """Return the net amount plus tax, in whole cents."""
    return round_cents(Decimal(net) * (100 + Decimal(tax_percent)) / 100)


def split(amount, parts):
    """Split an amount into nearly equal parts that add up to it exactly; the first parts get the spare cents."""
    if parts < 1:
        raise ValueError("parts must be at least 1")
    cents = int(round_cents(amount) / CENT)
    share, spare = divmod(cents, parts)
    return [CENT * (share + (1 if number < spare else 0)) for number in range(parts)]


def parse(text):
    """Read an amount such as "1,234.50" or "$12"."""
    cleaned = text.strip().removeprefix("$").replace(",", "")
    return Decimal(cleaned)
