"""Pauses a batch in which so many rollouts failed or could not be judged, in a row or of the last ones, that the next
ones can be expected to go the same way."""

from __future__ import annotations

from collections import Counter, deque

from engine.running.early_look import failed_endpoint
from engine.types import ModelRole, Trajectory

IN_A_ROW = 10
"""Failed rollouts without a finished dialogue between them that pause a batch."""
LAST, SHARE = 24, 0.75
"""Rollouts over which the failures of one endpoint are counted, and the share of them that pauses a batch, so that a
success now and then does not hide a broken endpoint."""


class Breaker:
    """Counts failed rollouts (the fault of the engine or a model's server, not of an agent) as they finish.

    A dialogue that reached its end sets the count in a row to 0. A task that was rejected before any dialogue shows
    nothing about models and sandboxes, so it counts in nothing.
    """

    def __init__(self, most: int = IN_A_ROW) -> None:
        self._most = most
        self._row = 0
        self._last: deque[tuple[ModelRole, str] | None] = deque(maxlen=LAST)

    def see(self, arrived: Trajectory) -> str:
        """Count a finished rollout; return why the batch should pause and the next move, "" when it may go on."""
        if arrived.status != "failed":
            if arrived.turns:
                self._row = 0
                self._last.append(None)
            return ""
        self._row += 1
        self._last.append(failed_endpoint(arrived))
        if self._row >= self._most:
            return (
                f"{self._row} rollouts in a row failed, the last one with {_words(arrived.reason)}: "
                f"{_sentence(arrived.detail)} Mend that, then resume, or have the failed ones tried again."
            )
        failing = Counter(one for one in self._last if one is not None)
        if len(self._last) == LAST and failing and failing.most_common(1)[0][1] >= SHARE * LAST:
            (role, model), times = failing.most_common(1)[0]
            return (
                f"{times} of the last {LAST} rollouts failed because calls of the {role} {model} failed, the last one "
                f"with {_words(arrived.reason)}: {_sentence(arrived.detail)} Mend that, then resume, or have the "
                "failed ones tried again."
            )
        return ""


class JudgeWatch:
    """Counts trajectories that the batch's judges could not measure, in a row and in all.

    A trajectory that a judge's model measured sets the row to 0, as does one that is kept. One that was lost before its
    judges were asked shows nothing about them, so it leaves the row as it is.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        """So many in a row are too many; 0: any number is allowed."""
        self._row = 0
        self.total = 0

    def see(self, arrived: Trajectory) -> str:
        """Count a finished rollout; return why the batch should pause and the next move, "" when it may go on."""
        if arrived.status != "unmeasured":
            measured = any(score.method == "model" and score.value is not None for score in arrived.scores)
            self._row = 0 if measured or arrived.status == "kept" else self._row
            return ""
        self._row += 1
        self.total += 1
        if not self._most or self._row < self._most:
            return ""
        return (
            f"{self._row} trajectories in a row could not be measured, the last one by {_words(arrived.reason)}: "
            f"{_sentence(arrived.detail)} Mend the judge, then resume; what is unmeasured can be judged again."
        )

    def notice(self) -> str:
        """Return how many were not measured, "" when all were."""
        if not self.total:
            return ""
        many = "1 trajectory" if self.total == 1 else f"{self.total} trajectories"
        return f"{many} could not be measured: neither kept nor rejected, and can be judged again."


def _words(reason: str | None) -> str:
    return (reason or "unknown").replace("_", " ")


def _sentence(detail: str) -> str:
    """Return a detail, cut at 400 characters, with a full stop."""
    text = detail.strip()[:400]
    return text if text.endswith((".", "!", "?")) or not text else f"{text}."
