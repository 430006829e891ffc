"""What the person can do with the phone in its hand."""

import _network


def read_display() -> dict:
    """Read what the display of the phone shows.

    Effect: read
    """
    phone = _network.load()["phone"]
    return {"number": phone["number"], "airplane": phone["airplane"]}


def switch_airplane(enabled: bool) -> str:
    """Switch airplane mode on or off.

    Args:
        enabled: Whether the phone shall be silent.

    Effect: write
    """
    state = _network.load()
    state["phone"]["airplane"] = enabled
    _network.store(state)
    return "done"
