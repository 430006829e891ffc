"""The budget of a batch, changed after its launch. It influences no id, seed or text, so the batch stays the same."""

from __future__ import annotations

from sqlalchemy import select

from engine.errors import Conflict, InputError
from engine.types import Batch, Budget
from storage import tables
from storage.database import Database
from storage.generating.batches import no_batch
from storage.tables import BatchRecord

CHANGEABLE = ("queued", "paused", "failed")
"""Statuses in which no engine holds the batch: a running one keeps the budget that it was claimed with."""


def set_budget(db: Database, id: int, budget: Budget, *, before: Budget) -> None:
    """Change the budget of a batch that no engine holds; `before` is the budget that the user saw.

    Raises Conflict when somebody else changed it since, InputError when there is no such batch or an engine holds it.
    """
    with db.write() as session:
        query = select(BatchRecord).where(tables.batch.c.id == id).with_for_update()
        record = session.execute(query).scalar_one_or_none()
        if record is None:
            raise no_batch(id)
        if record.status not in CHANGEABLE:
            move = "Pause it first." if record.status == "running" else "Launch it again with another one."
            raise InputError("budget", f"batch {id} is {record.status}, so its budget stays.", move)
        batch = Batch.model_validate_json(record.body)
        if batch.budget != before:
            raise Conflict(f"The budget of batch {id} is now {budget_text(batch.budget)}.")
        record.body = batch.model_copy(update={"budget": budget}).model_dump_json()


def budget_text(budget: Budget) -> str:
    """Return a budget in words: "1000 tokens and 5 dollars"."""
    bounds = [(budget.tokens, "tokens"), (budget.cost_usd, "dollars"), (budget.seconds, "seconds")]
    return " and ".join(f"{bound:.12g} {unit}" for bound, unit in bounds if bound is not None) or "without a bound"
