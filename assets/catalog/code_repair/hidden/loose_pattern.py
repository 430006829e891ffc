"""What must hold once loose pattern is repaired."""

from stockroom.parts import parse, same_part


def refusal(call, kind):
    """Return whether a call raises an exception of this kind."""
    try:
        call()
    except kind:
        return "refused"
    return "accepted"


def probe_what_is_refused():
    found = []
    for text in (
        "AB-12345",
        "AB-1234/2b",
        "AB-0001",
        "AB-1234 CD-0001",
        "AB-1234/",
        "CD-0001/7",
        "AB-1234/-1",
        "xAB-1234",
    ):
        found.append(refusal(lambda: parse(text), ValueError))
    return found


def probe_part_numbers_are_read():
    return [parse(" AB-1234/12 "), bool(same_part("AB-1234/1", "AB-1234"))]
