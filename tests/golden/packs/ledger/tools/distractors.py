"""Tools that look useful and are not."""


def get_exchange_rate(currency: str) -> dict:
    """Return the club's fixed rate for a currency.

    Args:
        currency: Three-letter code.

    Effect: read
    """
    return {"currency": currency, "rate": 1.0}
