"""Tools of an imported pack run in the sandbox `local` after a yes only: tried, proven, in batches and in replays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.running.wiring import check_isolation
from engine.serving.choice import SandboxChoice, open_pool
from engine.serving.desk import Desk
from engine.serving.worker import Worker
from engine.types import Domain, Request
from storage.database import Database
from storage.designing import domains
from storage.designing.outside_packs import allow
from storage.generating import batches
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.packs import ledger_files

TRY = {"domain": "ledger", "tool": "get_balance", "arguments": {"account_id": "A-1"}}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))


@pytest.fixture
def outside(db: Database, ledger: Domain) -> str:
    """The ledger in a version that was imported; its digest. `ledger` stores the version before, written here."""
    assert domains.save_domain(db, ledger_files(b"Theirs."), based_on=1, imported=True) == 2
    return domains.get_domain(db, "ledger").digest


@pytest_asyncio.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    pool = await open_pool("local", allow_commands=True)

    async def pool_of(**_: Any) -> Any:
        return pool

    yield Desk(SqlLibrary(db), pool_of)
    await pool.aclose()


async def work(db: Database, number: int) -> batches.BatchRow:
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None, only=number).work(once=True)
    return batches.get_batch(db, number)


async def test_a_tool_is_tried_and_a_template_proven_after_a_yes(db: Database, outside: str, desk: Desk) -> None:
    prove = {"domain": "ledger", "template": "move", "seed": 4}
    changed = {**TRY, "overrides": {"policy.md": "Mine."}}
    for kind, payload in (("try_tool", TRY), ("try_tool", changed), ("prove", prove)):
        result, error = await desk.answer(Request(1, kind, payload))
        assert result is None
        assert error is not None
        assert "came from outside, and the local sandbox does not isolate" in error
        assert f"python -m engine trust {outside}" in error
    assert (await desk.answer(Request(1, "try_tool", {**TRY, "version": 1})))[1] is None
    allow(db, outside)
    for kind, payload in (("try_tool", TRY), ("try_tool", changed), ("prove", prove)):
        assert (await desk.answer(Request(1, kind, payload)))[1] is None


async def test_a_batch_fails_before_its_first_rollout_and_resumes_after_a_yes(db: Database, outside: str) -> None:
    number = batches.create_batch(db, batch_of("ledger", trajectories=4, sandbox="local"))
    row = await work(db, number)
    assert (row.status, row.progress.finished) == ("failed", 0)
    assert f"python -m engine trust {outside}" in row.reason
    allow(db, outside)
    batches.command(db, number, "resume")
    row = await work(db, number)
    assert (row.status, row.progress.finished) == ("done", 4)


async def test_a_correction_and_an_origin_say_that_the_pack_needs_isolation(
    db: Database, outside: str, desk: Desk
) -> None:
    allow(db, outside)
    number = batches.create_batch(db, batch_of("ledger", trajectories=1, sandbox="local"))
    await work(db, number)
    store, (trajectory, *_) = SqlStore(db), batches.latest(db, number, 1)
    stored = store.stored_trajectory(trajectory.id)
    assert stored is not None
    assert not store.origin(trajectory.id, outside).needs_isolation
    domains.save_domain(db, ledger_files(b"Theirs, other."), based_on=2, imported=True)
    assert store.origin(trajectory.id, domains.get_domain(db, "ledger").digest).needs_isolation


def test_a_sandbox_that_isolates_asks_for_nothing() -> None:
    class Isolating:
        name, isolated = "docker", True

    check_isolation("ledger", "0" * 16, Isolating(), needed=True)  # type: ignore[arg-type]
