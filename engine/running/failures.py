"""Pauses a batch in which so many rollouts failed in a row that the next ones can be expected to fail too."""

from __future__ import annotations

from engine.types import Trajectory

IN_A_ROW = 10
"""Failed rollouts without a finished dialogue between them that pause a batch."""


class Breaker:
    """Counts failed rollouts (the fault of the engine or a model's server, not of an agent) as they finish.

    A dialogue that reached its end sets the count to 0. A task that was rejected before any dialogue shows nothing
    about models and sandboxes, so it leaves the count as it is.
    """

    def __init__(self, most: int = IN_A_ROW) -> None:
        self._most = most
        self._row = 0

    def see(self, arrived: Trajectory) -> str:
        """Count a finished rollout; return why the batch should pause and the next move, "" when it may go on."""
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
    """Return a detail, cut at 400 characters, with a full stop."""
    text = detail.strip()[:400]
    return text if text.endswith((".", "!", "?")) or not text else f"{text}."
