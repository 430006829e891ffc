"""One batch: models are closed however it ends, and a heartbeat that fails pauses it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from engine.errors import ModelError, StorageError
from engine.protocols import LLM
from engine.running import wiring
from engine.running.models import open_llm
from engine.running.runner import run
from engine.running.watch import Ending
from engine.serving.choice import open_pool
from engine.types import Domain, Endpoint, ModelRole
from storage.database import Database
from storage.generating import batches
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.models import scripted


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether each model that was opened has been closed, by role; the endpoint "missing" cannot be opened."""
    found: dict[str, bool] = {}

    def opened(endpoint: Endpoint, role: ModelRole) -> LLM:
        if endpoint.model == "missing":
            raise ModelError("not_found", "There is no such model.")
        llm: Any = open_llm(endpoint, role)
        found[role] = False
        close = llm.aclose

        async def aclose() -> None:
            found[role] = True
            await close()

        llm.aclose = aclose
        return llm

    monkeypatch.setattr(wiring, "open_llm", opened)
    return found


async def ending_of(db: Database, ledger: Domain, store: SqlStore, **changes: Any) -> Ending:
    models = {"teacher": scripted({"text": "No."}), "user": scripted({"text": "Hello"})} | changes.pop("models", {})
    given = {"sandbox": "local", "teacher": "llm", "user": "llm", "models": models, "trajectories": 3, **changes}
    batches.create_batch(db, batch_of(ledger, **given))
    claim = store.claim("me", time.time(), 60)
    assert claim is not None
    pool = await open_pool("local")
    try:
        return await asyncio.wait_for(run(claim, store, pool, asyncio.Event()), 60)
    finally:
        await pool.aclose()


class NoPin(SqlStore):
    def pin(self, batch_id: int, holder: str, sandbox: str) -> None:
        raise StorageError("The database is busy.")


class Surprised(SqlStore):
    def heartbeat(self, *given: Any) -> str | None:
        raise KeyError("holder")


async def test_models_are_closed_when_the_batch_cannot_begin(
    db: Database, ledger: Domain, closed: dict[str, bool]
) -> None:
    ending = await ending_of(db, ledger, NoPin(db))
    assert (ending.status, ending.reason) == ("paused", "The database is busy.")
    assert closed == {"teacher": True, "user": True}


async def test_models_before_one_that_cannot_be_opened_are_closed(
    db: Database, ledger: Domain, closed: dict[str, bool]
) -> None:
    ending = await ending_of(
        db, ledger, SqlStore(db), models={"user": scripted().model_copy(update={"model": "missing"})}
    )
    assert (ending.status, ending.reason) == ("failed", "There is no such model.")
    assert closed == {"teacher": True}


async def test_a_heartbeat_that_fails_pauses_the_batch(db: Database, ledger: Domain, closed: dict[str, bool]) -> None:
    slow = {"teacher": scripted({"text": "No."}, seconds=0.5)}
    ending = await ending_of(db, ledger, Surprised(db), models=slow, trajectories=40, concurrency=1)
    assert ending.status == "paused"
    assert "The heartbeat failed: KeyError" in ending.reason
    assert closed == {"teacher": True, "user": True}
