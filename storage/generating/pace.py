"""How fast a batch goes: now, until its end, in a day; and what one like it will take. Pure.

Nothing here is stored. What is not known yet is None, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.types import Batch
from storage.generating.batches import BatchRow

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


class Estimate(NamedTuple):
    """What a batch will take, judging by so many finished `batches` like it. The cost is None where one of theirs is
    not known."""

    batches: int
    seconds: float
    cost_usd: float | None


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


def estimate(batch: Batch, finished: Sequence[BatchRow]) -> Estimate | None:
    """Return what a batch will take, from those finished ones that have the same domains, players and judges; None
    without any."""
    like = [row for row in finished if row.progress.planned and not row.imported and alike(row.batch, batch)]
    if not like:
        return None
    planned = sum(row.progress.planned for row in like)
    costs = [row.cost_usd for row in like if row.cost_usd is not None]
    cost = sum(costs) / planned * batch.trajectories if len(costs) == len(like) else None
    return Estimate(len(like), sum(row.seconds for row in like) / planned * batch.trajectories, cost)


def alike(one: Batch, other: Batch) -> bool:
    """Return whether what one batch took says what the other will take for each trajectory: same domains, same
    players, same judges."""
    return _makeup(one) == _makeup(other)


def _makeup(batch: Batch) -> tuple[object, ...]:
    ids = {share.id for share in batch.domains}
    return ids, batch.teacher, batch.user, {judge.name for judge in batch.judges}, dict(batch.models)
