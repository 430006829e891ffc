"""Batches: what a row tells beside its numbers, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.errors import InputError
from engine.types import Batch, BatchStatus, DomainShare
from storage.database import Database
from storage.generating import batches
from storage.serving.store import SqlStore
from tests.storage.stored_samples import queue_batch, store_ledger


@pytest.mark.parametrize(
    ("status", "reason", "severity"),
    [
        ("paused", "Paused by hand.", "info"),
        ("paused", "Paused by the user; its engine had stopped answering.", "info"),
        ("paused", "The seconds budget of 2 s is reached.", "warning"),
        ("paused", "The price of m is not known, so the budget of 3 dollars cannot hold.", "warning"),
        ("paused", "The disk is full.", "error"),
        ("failed", "The key is wrong.", "error"),
        ("failed", "Cancelled by hand.", "info"),
        ("cancelled", "Whatever it says.", "info"),
        ("done", "3 rollouts failed.", "warning"),
        ("running", "It waits for the model.", "warning"),
    ],
)
def test_a_reason_is_as_grave_as_what_it_asks_of_the_reader(
    db: Database, status: BatchStatus, reason: str, severity: str
) -> None:
    row = batches.get_batch(db, queue_batch(db))
    assert replace(row, status=status, reason=reason).severity == severity


def test_a_batch_names_what_is_missing(db: Database) -> None:
    name = store_ledger(db)
    for wanted in (
        {"domains": (DomainShare(id="nowhere"),)},
        {"domains": (DomainShare(id=name, digest="nothing"),)},
        {"domains": (DomainShare(id=name),), "personas": ("nobody",)},
    ):
        with pytest.raises(InputError):
            batches.create_batch(db, Batch(name="b", **wanted))  # type: ignore[arg-type]
    assert batches.list_batches(db) == []
    assert batches.count_batches(db) == 0


def test_deleting_a_running_batch_is_refused(db: Database) -> None:
    number = queue_batch(db)
    SqlStore(db).claim("one", 100.0, 15.0)
    with pytest.raises(InputError, match="Cancel it first"):
        batches.delete_batch(db, number, now=101.0)
    with pytest.raises(InputError, match="no batch 99"):
        batches.delete_batch(db, 99)
