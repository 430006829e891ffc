"""What the simulated user of a batch cost: dialogues that it spoiled, and messages that were not taken, by reason."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from storage import tables
from storage.database import Database
from storage.intake.rows import RUN_AGAIN


class Violation(NamedTuple):
    """One kind of what the user did wrong: its messages that were not taken, and the trajectories lost to it."""

    reason: str
    messages: int
    lost: int


class UserYield(NamedTuple):
    """`dialogues` took place, `lost` of them show nothing because of the user; `again` counts the runs that were made
    once more because of it."""

    dialogues: int
    lost: int
    again: int
    violations: tuple[Violation, ...]

    @property
    def share(self) -> float | None:
        """The share of dialogues that the user did not spoil; None before the first one."""
        return 1 - self.lost / self.dialogues if self.dialogues else None


def user_yield(db: Database, batch: int) -> UserYield:
    """Return what the user cost so far, most frequent violations first."""
    t, fault = tables.trajectory.c, tables.user_fault.c
    spoiled = (t.culprit == "user") & (t.status == "rejected")
    with db.read() as session:
        held = t.batch_id == batch
        dialogues = session.execute(select(func.count()).where(held, t.turns > 0)).scalar_one()
        lost = session.execute(select(t.reason, func.count()).where(held, spoiled).group_by(t.reason)).all()
        joined = tables.user_fault.join(tables.trajectory, fault.trajectory_id == t.id)
        query = select(fault.reason, func.sum(fault.messages)).select_from(joined).where(held).group_by(fault.reason)
        messages = {str(reason): int(number) for reason, number in session.execute(query)}
    losses = {str(reason or "unknown"): int(number) for reason, number in lost}
    again = messages.pop(RUN_AGAIN, 0)
    kinds = [Violation(one, messages.get(one, 0), losses.get(one, 0)) for one in {*messages, *losses}]
    kinds.sort(key=lambda one: (-one.messages, -one.lost, one.reason))
    return UserYield(int(dialogues), sum(losses.values()), again, tuple(kinds))
