"""How fast a batch goes (now, over all, per day), when it ends, and what a similar one will take. Pure.

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
"""Seconds that must lie between two observations; over less, the rate jumps with every single trajectory."""
WORKED = 0.5
"""Seconds of work before a batch has an overall rate."""
DAILY = 60.0
"""Seconds of work before a rate per day is given: the first ones start sandboxes, and are no measure of a day."""
_DAY = 86400


class Observation(NamedTuple):
    """The time in epoch seconds, and how many rollouts of a batch had ended by then."""

    at: float
    finished: int


class Estimate(NamedTuple):
    """What a batch will take, from the figures of so many finished `batches` like it. The costs are None where one of
    theirs is unknown, that of a kept trajectory also where none was kept."""

    batches: int
    seconds: float
    cost_usd: float | None
    cost_per_kept: float | None = None


def recent_observations(before: Sequence[Observation], row: BatchRow, now: float) -> list[Observation]:
    """Return the observations of the last LOOKED_BACK seconds, oldest first, with one of `row` at the end."""
    recent = [one for one in before if now - one.at < LOOKED_BACK]
    return [*recent, Observation(now, row.progress.finished)]


def overall_rate(row: BatchRow) -> float | None:
    """Return trajectories per second over all the work so far."""
    done = row.progress.finished
    return done / row.seconds if row.seconds > WORKED and done else None


def rate_now(row: BatchRow, seen: Sequence[Observation]) -> float | None:
    """Return trajectories per second between the first and the last of `seen` (at least one) while the batch runs and
    makes progress, else the overall rate."""
    first, last = seen[0], seen[-1]
    if row.status == "running" and last.at - first.at > SHORTEST and last.finished > first.finished:
        return (last.finished - first.finished) / (last.at - first.at)
    return overall_rate(row)


def seconds_left(row: BatchRow, rate: float | None) -> float | None:
    """Return the seconds until a running batch ends at this rate, None for one that does not run."""
    if not rate or row.status != "running":
        return None
    return (row.progress.planned - row.progress.finished) / rate


def per_day(row: BatchRow) -> int | None:
    """Return trajectories per day at the overall rate; None before DAILY seconds of work."""
    done = row.progress.finished
    return round(done / row.seconds * _DAY) if row.seconds >= DAILY and done else None


def estimate(batch: Batch, finished: Sequence[BatchRow]) -> Estimate | None:
    """Return what a batch will take, from those finished ones that have the same domains, players and judges; None
    without any. Pilots do not count: they are too short to show how fast a batch goes (storage/generating/pilot.py)."""
    whole = (row for row in finished if row.progress.planned and not row.imported and not row.batch.pilot_of)
    like = [row for row in whole if alike(row.batch, batch)]
    if not like:
        return None
    planned = sum(row.progress.planned for row in like)
    costs = [row.cost_usd for row in like if row.cost_usd is not None]
    known, kept = len(costs) == len(like), sum(row.progress.kept for row in like)
    cost = sum(costs) / planned * batch.trajectories if known else None
    seconds = sum(row.seconds for row in like) / planned * batch.trajectories
    return Estimate(len(like), seconds, cost, sum(costs) / kept if known and kept else None)


def alike(one: Batch, other: Batch) -> bool:
    """Return whether two batches take the same for each trajectory: same domains, players and judges."""
    return _makeup(one) == _makeup(other)


def _makeup(batch: Batch) -> tuple[object, ...]:
    ids = {share.id for share in batch.domains}
    return ids, batch.teacher, batch.user, {judge.name for judge in batch.judges}, dict(batch.models)
