"""Notices that nothing can be measured any more: so many rollouts in a row failed that the next ones will as well."""

from __future__ import annotations

from engine.types import Trajectory

IN_A_ROW = 10
"""Failed rollouts one after the other, with no finished dialogue between them, that pause a batch."""


class Breaker:
    """Counts failed rollouts (ours or a model server's fault, never an agent's) in the order of their arrival.

    A dialogue that came to its end begins the count anew. A task that was turned down before any dialogue says nothing
    of models and sandboxes, so it neither counts nor ends a row.
    """

    def __init__(self, most: int = IN_A_ROW) -> None:
        self._most = most
        self._row = 0

    def see(self, arrived: Trajectory) -> str:
        """Take one that arrived; return why the batch should pause, with the next move, or nothing."""
        if arrived.status != "failed":
            self._row = 0 if arrived.turns else self._row
            return ""
        self._row += 1
        if self._row < self._most:
            return ""
        reason = (arrived.reason or "unknown").replace("_", " ")
        return (
            f"{self._row} rollouts in a row failed, the last one with {reason}: {_sentence(arrived.detail)} "
            "Mend that, then resume, or have the failed ones tried again."
        )


def _sentence(detail: str) -> str:
    text = detail.strip()[:400]
    return text if text.endswith((".", "!", "?")) or not text else f"{text}."
