"""Engine processes that are killed in the middle of a batch: nothing is lost, doubled, miscounted or left running."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.settings import PERSONAS
from engine.types import Domain, TrajectoryFilter
from storage.database import Database, open_database
from storage.designing import domains, personas
from storage.generating import batches
from storage.reviewing import trajectories
from tests.conformance._sandboxes import opened
from tests.engines import engine, until
from tests.running.test_outages import checked, stored
from tests.samples.batches import batch_of

pytestmark = pytest.mark.slow


@contextmanager
def working(home: Path, sandbox: str) -> Iterator[subprocess.Popen[bytes]]:
    """An engine process; it is gone when the block ends, whatever happened."""
    process = engine(home, sandbox)
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def containers(pid: int) -> set[str]:
    """Return the containers, of any state, whose label names this engine process."""
    told = ["docker", "ps", "-a", "--filter", "label=turnwright.engine", "--format"]
    found = subprocess.run(
        [*told, '{{.ID}} {{.Label "turnwright.engine"}}'], capture_output=True, text=True, check=True, timeout=30
    )
    pairs = (line.split() for line in found.stdout.splitlines())
    return {identity for identity, owner in pairs if owner.split("-")[-2] == str(pid)}


def freeze_one(pid: int) -> None:
    """Freeze one container of this engine, so that it cannot end by itself when the engine does."""
    for identity in containers(pid):
        if subprocess.run(["docker", "pause", identity], capture_output=True, timeout=30).returncode == 0:
            return
    pytest.fail("no container of the engine could be frozen")


async def docker_answers() -> None:
    await (await opened("docker")).aclose()


@pytest.fixture
def db(tmp_path: Path, ledger: Domain) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    domains.save_domain(found, ledger.files, based_on=None)
    personas.seed_personas(found, PERSONAS)
    yield found
    found.close()


def launch(db: Database, ledger: Domain, sandbox: str, planned: int) -> int:
    return batches.create_batch(db, batch_of(ledger, trajectories=planned, concurrency=8, sandbox=sandbox))


def kill(home: Path, sandbox: str, number: int, when: Callable[[], bool]) -> int:
    """Start an engine, send it the signal at that moment, and return what its process number was."""
    with working(home, sandbox) as process:
        until(when, 60)
        if sandbox == "docker":
            freeze_one(process.pid)
        process.send_signal(number)
        process.wait(20)
    return process.pid


def finish(db: Database, home: Path, sandbox: str, batch: int) -> None:
    """Let an engine work until the batch is done, then stop it."""
    with working(home, sandbox) as process:
        until(lambda: batches.get_batch(db, batch).status == "done", 90)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def there(db: Database, batch: int) -> int:
    return trajectories.count(db, TrajectoryFilter(batches=(batch,)))


def ids(db: Database, batch: int) -> set[str]:
    """Return the stored trajectories; each is there once, and the counters are those of the rows by status."""
    checked(db, batch)
    return {t.id for t in stored(db, batch)}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_engine_loses_and_doubles_nothing(tmp_path: Path, db: Database, ledger: Domain, number: int) -> None:
    """Two engines end in the middle of a batch; the third finishes it."""
    batch = launch(db, ledger, "local", 600)
    kill(tmp_path, "local", number, lambda: there(db, batch) > 50)
    first = ids(db, batch)
    kill(tmp_path, "local", number, lambda: there(db, batch) > len(first) + 50)
    second = ids(db, batch)
    assert first < second
    assert len(second) < 600
    finish(db, tmp_path, "local", batch)
    assert second < ids(db, batch)
    p = batches.get_batch(db, batch).progress
    assert (p.kept + p.rejected, p.running, p.waiting) == (600, 0, 0)


@pytest.mark.docker
def test_an_engine_killed_with_containers_loses_nothing_and_the_next_one_removes_them(
    tmp_path: Path, db: Database, ledger: Domain
) -> None:
    asyncio.run(docker_answers())
    batch = launch(db, ledger, "docker", 200)
    gone = kill(tmp_path, "docker", signal.SIGKILL, lambda: there(db, batch) > 10)
    before = ids(db, batch)
    assert 10 < len(before) < 200
    finish(db, tmp_path, "docker", batch)
    assert before < ids(db, batch)
    p = batches.get_batch(db, batch).progress
    assert (p.kept + p.rejected, p.running, p.waiting) == (200, 0, 0)
    assert {t.execution.sandbox for t in stored(db, batch) if t.execution} == {"docker"}
    until(lambda: not containers(gone), 10)
