"""What the few trajectories of a pilot took, and what the whole batch would take by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from engine.types import Batch
from storage import tables
from storage.database import Database
from storage.generating.batches import BatchRow
from storage.generating.pace import alike


class Spread(NamedTuple):
    """An amount by the mean of the trajectories, and by the least and the most that one of them took."""

    mean: float
    least: float
    most: float

    def times(self, factor: float) -> Spread:
        return Spread(self.mean * factor, self.least * factor, self.most * factor)


class Rolled(NamedTuple):
    """What one trajectory took; `cost_usd` is None when it is not known, `seconds` when nothing was rolled out."""

    kept: bool
    cost_usd: float | None
    seconds: float | None


class Pilot(NamedTuple):
    """What the trajectories of a pilot took. All costs are in US dollars, None where one of them is not known."""

    trajectories: int
    kept: int
    cost: Spread | None
    """Of one trajectory, kept or lost."""
    seconds: Spread
    """Of one trajectory, in flight beside others."""

    @property
    def cost_per_kept(self) -> Spread | None:
        """What a kept trajectory costs with all that is lost beside it; None when nothing was kept."""
        return self.cost.times(self.trajectories / self.kept) if self.cost and self.kept else None

    @property
    def seconds_per_kept(self) -> Spread | None:
        return self.seconds.times(self.trajectories / self.kept) if self.kept else None

    def whole(self, trajectories: int, concurrency: int) -> tuple[Spread, Spread | None]:
        """Return (seconds, cost) of a batch of so many trajectories with so many in flight."""
        at_once = min(trajectories, concurrency)
        return self.seconds.times(trajectories / at_once), self.cost and self.cost.times(trajectories)


def of_rolled(rolled: Sequence[Rolled]) -> Pilot | None:
    """Return the figures of the trajectories of a pilot; None when none of them was rolled out."""
    seconds = [one.seconds for one in rolled if one.seconds]
    if not seconds:
        return None
    costs = [one.cost_usd for one in rolled if one.cost_usd is not None]
    known = len(costs) == len(rolled)
    return Pilot(len(rolled), sum(one.kept for one in rolled), _spread(costs) if known else None, _spread(seconds))


def pilot_of(db: Database, batch_id: int) -> Pilot | None:
    """Return the figures of a pilot's trajectories so far; None before the first one."""
    t = tables.trajectory.c
    query = select(t.status, t.cost_usd, t.seconds).where(t.batch_id == batch_id)
    with db.read() as session:
        return of_rolled([Rolled(row.status == "kept", row.cost_usd, row.seconds) for row in session.execute(query)])


def latest_pilot(batch: Batch, finished: Sequence[BatchRow]) -> BatchRow | None:
    """Return the newest pilot with the same domains, players and judges; `finished` has the newest first."""
    pilots = (row for row in finished if row.batch.pilot_of and not row.imported)
    return next((row for row in pilots if alike(row.batch, batch)), None)


def _spread(values: Sequence[float]) -> Spread:
    return Spread(sum(values) / len(values), min(values), max(values))
