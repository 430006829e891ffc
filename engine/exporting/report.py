"""The report of an export: how many trajectories gave rows, were dropped and why, and lost what in the format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.types import ContextLength, Converted

MOST_NAMED = 100


@dataclass
class Report:
    """Counts of one export. `trajectories` = those that gave rows + the sum of `dropped`.

    `lost` counts trajectories in which a field held something that the format cannot say; `changed` counts
    trajectories that were reshaped (cut back, merged, made serial); `never_carried` names what the format has no
    place for at all. `tokens` counts trajectories whose texts hold a control token of a model, by token, and
    `rows_with_tokens` are the ids of the first MOST_NAMED rows of such. `beyond` holds the tokens of trajectories that
    exceed the recipe's context length, by their number.
    """

    never_carried: tuple[str, ...] = ()
    trajectories: int = 0
    exported: int = 0
    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    rows_with_tokens: list[str] = field(default_factory=list)
    context: ContextLength | None = None
    beyond: dict[int, int] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)  # content ids as integers, so that a million rows take little memory

    def admit(self, found: Converted, number: int = 0) -> Sequence[Any]:
        """Count the trajectory of this number; return its rows without those that an earlier trajectory gave."""
        rows, ids, dropped, lost, changed, tokens, beyond = found
        if beyond is not None:
            self.beyond[number] = beyond
        if ids:
            new = [(id, row) for id, row in zip(ids, rows, strict=True) if self._is_new(id)]
            rows = [row for _, row in new]
            if tokens:
                self.rows_with_tokens += [f"{id:016x}" for id, _ in new[: MOST_NAMED - len(self.rows_with_tokens)]]
            dropped = None if rows else "duplicate"
        self.trajectories += 1
        if dropped is not None:
            self.dropped[dropped] += 1
            return ()
        self.exported += 1
        self.rows += len(rows)
        for name in lost:
            self.lost[name] += 1
        for name in changed:
            self.changed[name] += 1
        for name in tokens:
            self.tokens[name] += 1
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, reasons sorted by name; without control tokens where there were none."""
        found: dict[str, Any] = {
            "trajectories": self.trajectories,
            "exported": self.exported,
            "rows": self.rows,
            "dropped": _counts(self.dropped),
            "lost": _counts(self.lost),
            "changed": _counts(self.changed),
            "never_carried": list(self.never_carried),
        }
        if self.tokens:
            found |= {"control_tokens": _counts(self.tokens), "rows_with_control_tokens": self.rows_with_tokens}
        return found if self.context is None else found | {"beyond_context": self._beyond_context(self.context)}

    def _beyond_context(self, limit: ContextLength) -> dict[str, Any]:
        """Return the limit, how many trajectories exceed it, and the tokens of the longest by their number."""
        longest = sorted(self.beyond.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMED]
        return {
            "tokens": limit.tokens,
            "longer": limit.longer,
            "trajectories": len(self.beyond),
            "longest": {str(number): tokens for number, tokens in longest},
        }

    def _is_new(self, id: int) -> bool:
        count = len(self._seen)
        self._seen.add(id)
        return len(self._seen) > count


def _counts(counter: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counter.items()) if count}
