"""What the shop can do."""

import _network


def get_line(number: str) -> dict:
    """Tell how a line is set.

    Args:
        number: Number of the line, such as 555-1.

    Effect: read
    """
    return _network.line(_network.load(), number)


def set_roaming(number: str, enabled: bool) -> dict:
    """Switch roaming of a line on or off.

    Args:
        number: Number of the line, such as 555-1.
        enabled: Whether it shall work abroad.

    Effect: write
    """
    state = _network.load()
    _network.line(state, number)["roaming"] = enabled
    _network.store(state)
    return {"number": number, "roaming": enabled}
