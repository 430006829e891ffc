"""How fast a batch goes: now, until its end, and in a day. Pure.

Nothing here is stored. What is not known yet is None, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.batches import BatchRow

LOOKED_BACK = 20.0
"""Seconds over which the rate of a running batch is measured."""
SHORTEST = 2.0
"""Seconds that must lie between two looks; over less, a rate jumps with every single trajectory."""
WORKED = 0.5
"""Seconds of work from which on a batch has a rate over all of it."""
DAILY = 60.0
"""Seconds of work from which on a day can be told: the first ones start sandboxes and say nothing of a day."""
_DAY = 86400


class Look(NamedTuple):
    """What was seen of a batch at one moment: the time in epoch seconds, and how many of its rollouts had ended."""

    at: float
    finished: int


def looks_kept(before: Sequence[Look], row: BatchRow, now: float) -> list[Look]:
    """Return the looks of the last seconds, oldest first, and the one at `row` as the newest."""
    recent = [look for look in before if now - look.at < LOOKED_BACK]
    return [*recent, Look(now, row.progress.finished)]


def overall_rate(row: BatchRow) -> float | None:
    """Return trajectories per second over all the work so far."""
    done = row.progress.finished
    return done / row.seconds if row.seconds > WORKED and done else None


def rate_now(row: BatchRow, looks: Sequence[Look]) -> float | None:
    """Return trajectories per second between the first and the last look (at least one) while the batch runs and gets
    on, else the overall rate."""
    first, last = looks[0], looks[-1]
    if row.status == "running" and last.at - first.at > SHORTEST and last.finished > first.finished:
        return (last.finished - first.finished) / (last.at - first.at)
    return overall_rate(row)


def seconds_left(row: BatchRow, rate: float | None) -> float | None:
    """Return how long a running batch goes on at a rate, None for one that does not run."""
    if not rate or row.status != "running":
        return None
    return (row.progress.planned - row.progress.finished) / rate


def per_day(row: BatchRow) -> int | None:
    """Return how many trajectories a day would give at the overall rate; None while little work is done."""
    done = row.progress.finished
    return round(done / row.seconds * _DAY) if row.seconds >= DAILY and done else None
