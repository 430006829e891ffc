"""Part numbers: AB-1234, optionally with a revision, AB-1234/2."""

import re

_PART = re.compile(r"([A-Z]{2})-(\d{4})(?:/(\d+))?")


def parse(text):
    """Return (family, number, revision) of a part number; the revision is 0 when there is none.

    Raises ValueError for anything that is not exactly one part number.
    """
    found = _PART.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a part number")
    family, number, revision = found.groups()
    return family, int(number), int(revision or 0)


def sort_key(text):
    """Return a key that sorts part numbers by family, number and revision."""
    return text.strip()


def in_order(parts):
    """Return the part numbers sorted as on the shelves."""
    return sorted(parts, key=sort_key)


def same_part(left, right):
    """Return whether two part numbers differ in their revision at most."""
    return parse(left)[:2] == parse(right)[:2]
