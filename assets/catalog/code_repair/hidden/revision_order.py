"""What must hold once revision order is repaired."""

from stockroom.parts import in_order


def probe_revisions_are_numbers():
    parts = ["AB-1234/10", "AB-1234/9", "AB-1234", "AB-1234/100"]
    return in_order(parts)


def probe_family_goes_first():
    return in_order(["CD-0001/1", "AB-9999/12"])
