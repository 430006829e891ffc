"""A record as a recipe's alterations leave it: what every format then writes, and what the report counts."""

from __future__ import annotations

from typing import NamedTuple

from engine.types import Converted, Record


class Altered(NamedTuple):
    """A record as it leaves, or in `dropped` why it does not. `beyond` is its number of tokens where these exceed the
    context length; `changed` and `lost` name what the report counts."""

    record: Record
    dropped: str | None = None
    beyond: int | None = None
    changed: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    def then(self, later: Altered) -> Altered:
        """Return this alteration with a later one of its record added."""
        beyond = later.beyond if self.beyond is None else self.beyond
        return Altered(later.record, later.dropped, beyond, self.changed + later.changed, self.lost + later.lost)

    def counted(self, converted: Converted) -> Converted:
        """Return what a format made of the record, with the alterations counted."""
        if not (self.changed or self.lost or self.beyond is not None):
            return converted
        changed = dict.fromkeys([*self.changed, *converted.changed])
        lost = dict.fromkeys([*self.lost, *converted.lost])
        return converted._replace(changed=list(changed), lost=list(lost), beyond=self.beyond)
