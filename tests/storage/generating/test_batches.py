"""The texts of a batch's row beside its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.types import BatchStatus
from storage.database import Database
from storage.generating import batches
from tests.storage.samples import queue


@pytest.mark.parametrize(
    ("status", "reason", "gravity"),
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
        ("running", "It waits for the model.", "info"),
    ],
)
def test_a_reason_is_as_grave_as_what_it_asks_of_the_reader(
    db: Database, status: BatchStatus, reason: str, gravity: str
) -> None:
    row = batches.get_batch(db, queue(db))
    assert replace(row, status=status, reason=reason).gravity == gravity
