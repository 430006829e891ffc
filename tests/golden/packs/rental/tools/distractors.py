"""Tools that look useful and are not."""


def weather(day: str) -> dict:
    """Return whether it is gardening weather.

    Args:
        day: A day of the week.

    Effect: read
    """
    return {"day": day, "good": day != "monday"}
