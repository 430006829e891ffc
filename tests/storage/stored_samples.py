"""Example objects in a database: the ledger with a persona, and batches over it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.types import Trajectory
from storage.database import Database
from storage.designing import domains, personas
from storage.generating import batches
from storage.intake import imports
from tests.samples.batches import batch_of
from tests.samples.packs import ledger_files
from tests.samples.personas import ADA


def store_ledger(db: Database) -> str:
    """Store one domain and one persona; return the domain's id."""
    domains.save_domain(db, ledger_files(), based_on=None)
    personas.save_persona(db, ADA, None)
    return domains.list_domains(db)[0].id


def queue_batch(db: Database, trajectories: int = 10, **changes: Any) -> int:
    """Queue a batch over the stored domain and return its number; where no domain is stored, store one first."""
    listed = domains.list_domains(db)
    domain = listed[0].id if listed else store_ledger(db)
    wanted = {"name": "batch", "trajectories": trajectories} | changes
    return batches.create_batch(db, batch_of(domain, **wanted))


def insert_imported(db: Database, name: str, trajectories: Iterable[Trajectory]) -> int:
    """Store trajectories as a file's import does, as a batch that is done; return its number."""
    return imports.insert(db, name, trajectories).batch
