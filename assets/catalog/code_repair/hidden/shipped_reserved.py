"""What must hold once shipped reserved is repaired."""

from stockroom.stock import Stock


def refusal(call, kind):
    """Return whether a call raises an exception of this kind."""
    try:
        call()
    except kind:
        return "refused"
    return "accepted"


def probe_shipping_ends_the_reservation():
    stock = Stock()
    stock.receive("AB-1234", 10)
    stock.reserve("AB-1234", 6)
    stock.ship("AB-1234", 4)
    return (stock.on_hand("AB-1234"), stock.available("AB-1234"))


def probe_not_more_than_reserved():
    stock = Stock()
    stock.receive("AB-1234", 10)
    stock.reserve("AB-1234", 4)
    stock.ship("AB-1234", 4)
    more = refusal(lambda: stock.ship("AB-1234", 1), ValueError)
    stock.reserve("AB-1234", 2)
    return [more, refusal(lambda: stock.ship("AB-1234", 2), ValueError)]
