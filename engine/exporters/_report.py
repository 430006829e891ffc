"""The fidelity report: what came in, what left, what was dropped and why, and what the format could not carry."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """Counts of one export. `trajectories` = those that gave rows + the sum of `dropped`.

    `lost` counts trajectories in which a field held something that the format cannot say; `changed` counts
    trajectories that were reshaped (cut back, merged, made serial); `never_carried` names what the format has no
    place for at all.
    """

    never_carried: tuple[str, ...] = ()
    trajectories: int = 0
    exported: int = 0
    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    def drop(self, reason: str) -> None:
        """Count a trajectory that gives no row."""
        self.trajectories += 1
        self.dropped[reason] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, reasons sorted by name."""
        return {
            "trajectories": self.trajectories,
            "exported": self.exported,
            "rows": self.rows,
            "dropped": _counts(self.dropped),
            "lost": _counts(self.lost),
            "changed": _counts(self.changed),
            "never_carried": list(self.never_carried),
        }


def _counts(counter: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counter.items()) if count}
