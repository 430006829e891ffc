"""What lies on the shelves and what is promised to customers."""


class Stock:
    """Quantities per part number. Nothing ever falls below zero."""

    def __init__(self):
        self._on_hand = {}
        self._reserved = {}

    def receive(self, part, quantity):
        if quantity <= 0:
            raise ValueError("quantity must be above 0")
        self._on_hand[part] = self._on_hand.get(part, 0) + quantity

    def available(self, part):
        """Return what can still be promised."""
        return self._on_hand.get(part, 0) - self._reserved.get(part, 0)

    def reserve(self, part, quantity):
        """Promise a quantity to a customer. Raises ValueError when less than that is available."""
        if quantity > self.available(part):
            raise ValueError(f"only {self.available(part)} of {part} available")
        self._reserved[part] = self._reserved.get(part, 0) + quantity

    def ship(self, part, quantity):
        """Take a reserved quantity off the shelf."""
        if quantity > self._reserved.get(part, 0):
            raise ValueError(f"{part} is not reserved")
        self._on_hand[part] -= quantity

    def on_hand(self, part):
        return self._on_hand.get(part, 0)


def reorder_quantity(available, minimum, pack_size):
    """Return how many to order so that at least `minimum` is there again, in whole packs; 0 when nothing is needed."""
    if available >= minimum:
        return 0
    packs = -(-(minimum - available) // pack_size)
    return packs * pack_size
