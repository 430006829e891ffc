"""What must hold once stale price is repaired."""

from decimal import Decimal

from stockroom.prices import PriceList


def probe_a_change_counts_at_once():
    found = []
    prices = PriceList({"AB-1234": "4.50"})
    found.append(prices.price("AB-1234", "ACME"))
    prices.change("AB-1234", "5.00")
    found.append(prices.price("AB-1234"))
    found.append(prices.price("AB-1234", "ACME"))
    return found


def probe_special_prices_stay():
    prices = PriceList({"AB-1234": "4.50"})
    prices.agree("AB-1234", "ACME", "4.00")
    prices.price("AB-1234", "ACME")
    prices.change("AB-1234", "5.00")
    return prices.price("AB-1234", "ACME")
