"""Price lists with special prices per customer."""

from decimal import Decimal


class PriceList:
    """Looks prices up; a special price of a customer goes before the general one. Lookups are remembered."""

    def __init__(self, prices):
        self._prices = {part: Decimal(price) for part, price in prices.items()}
        self._special = {}
        self._found = {}

    def price(self, part, customer=None):
        """Return the price of a part. Raises KeyError for an unknown part."""
        key = (part, customer)
        if key not in self._found:
            self._found[key] = self._special.get(key, self._prices[part])
        return self._found[key]

    def change(self, part, price):
        """Set the general price of a part."""
        self._prices[part] = Decimal(price)
        self._found.clear()

    def agree(self, part, customer, price):
        """Set a customer's special price for a part."""
        self._special[part, customer] = Decimal(price)
        self._found.clear()
