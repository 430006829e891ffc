"""The error for the later of two people who change the same thing."""

from __future__ import annotations

from engine.errors import Conflict


def conflict(kind: str, name: str, current: int | None, based_on: int | None) -> Conflict:
    """Return the error for a change that began at version `based_on` (None: as a new one) of a thing that is at
    version `current` now (None: deleted)."""
    if based_on is None:
        return Conflict(f"The {kind} {name!r} exists already. Choose another name, or edit that one.")
    if current is None:
        return Conflict(f"The {kind} {name!r} was deleted by someone else. Save it as a new one to keep your change.")
    return Conflict(
        f"The {kind} {name!r} was changed by someone else (version {current}, yours began at {based_on}); "
        "reload and apply your change again."
    )
