"""Batches whose surroundings fail for real: a full disk, a dead model server, a Docker engine that goes away."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from engine.running.failures import IN_A_ROW
from engine.serving.choice import SandboxChoice
from engine.serving.pools import Pools
from engine.serving.worker import Worker
from engine.types import Domain, Endpoint, Progress, Trajectory, TrajectoryFilter
from storage.database import Database
from storage.generating import batches, recovery
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.llms.server import serving
from tests.running.outages import Dockerd, fill, private_dockerd, small_disk
from tests.samples.batches import batch_of

NOWHERE = "unix:///nonexistent/docker.sock"


def launch(db: Database, ledger: Domain, **changes: Any) -> int:
    return batches.create_batch(db, batch_of(ledger, **{"sandbox": "local", **changes}))


async def work(db: Database, choice: str = "auto") -> None:
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice(choice), say=lambda _: None).work(once=True)


async def disturbed(db: Database, number: int, after: int, fault: Callable[[], Any], choice: str = "auto") -> None:
    """Work on the batch, and let the fault happen once so many trajectories are kept or rejected."""
    working = asyncio.create_task(work(db, choice))
    while (p := batches.get_batch(db, number).progress).kept + p.rejected < after:
        assert not working.done()
        await asyncio.sleep(0.02)
    happened = fault()
    if asyncio.iscoroutine(happened):
        await happened
    await asyncio.wait_for(working, 60)


def stored(db: Database, number: int) -> list[Trajectory]:
    found = trajectories.stream(db, TrajectoryFilter(batches=(number,)))
    return sorted((Trajectory.model_validate_json(body) for _, body, _ in found), key=lambda t: t.index)


def contents(found: list[Trajectory]) -> list[dict[str, Any]]:
    return [t.model_dump(exclude={"execution", "calls", "attachments"}) for t in found]


def checked(db: Database, number: int) -> Progress:
    """Return the counts, after comparing them with the rows: each trajectory once, each status as often as counted."""
    p = batches.get_batch(db, number).progress
    rows = stored(db, number)
    assert len({t.id for t in rows}) == len(rows)
    by_status = Counter(t.status for t in rows)
    assert (by_status["kept"], by_status["rejected"], by_status["failed"]) == (p.kept, p.rejected, p.failed)
    assert p.planned == p.kept + p.rejected + p.failed + p.running + p.waiting
    return p


@pytest.fixture
def workspaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A disk of six megabytes that the local sandbox lays its workspaces on."""
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, "6m"):
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        yield folder


async def test_a_full_disk_under_the_sandbox_pauses_and_holds_nothing_against_a_tool(
    db: Database, ledger: Domain, workspaces: Path
) -> None:
    whole = launch(db, ledger, trajectories=120, concurrency=4)
    await work(db)
    number = launch(db, ledger, trajectories=120, concurrency=4)
    await disturbed(db, number, 10, lambda: fill(workspaces))
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert f"({workspaces}) is full" in row.reason
    p = checked(db, number)
    assert p.failed == 0
    assert p.waiting > 0
    batches.command(db, number, "resume")
    await work(db)
    assert batches.get_batch(db, number).status == "paused"
    assert checked(db, number) == p
    (workspaces / "ballast").unlink()
    batches.command(db, number, "resume")
    await work(db)
    assert batches.get_batch(db, number).status == "done"
    assert checked(db, number).failed == 0
    assert contents(stored(db, number)) == contents(stored(db, whole))


def answering(base: str) -> Endpoint:
    return Endpoint(model="m", llm="openai_compatible", api_base=base, attempts=1, timeout=5)


async def test_a_key_that_is_refused_on_the_way_fails_the_batch_until_it_is_mended(
    db: Database, ledger: Domain
) -> None:
    async with serving() as server:
        server.plays = [{"text": "It is fine.", "seconds": 0.1}]
        models = {"teacher": answering(server.base)}
        number = launch(
            db,
            ledger,
            teacher="llm",
            models=models,
            trajectories=40,
            concurrency=4,
            modes={"single": 1},
            early_look=False,
        )
        await disturbed(db, number, 6, lambda: server.plays.__setitem__(0, {"error": "auth"}))
        row = batches.get_batch(db, number)
        assert (row.status, row.progress.failed) == ("failed", 0)
        before = stored(db, number)
        server.plays = [{"text": "It is fine."}]
        batches.command(db, number, "resume")
        await work(db)
    assert batches.get_batch(db, number).status == "done"
    p = checked(db, number)
    assert (p.failed, p.waiting, p.kept + p.rejected) == (0, 0, 40)
    assert {t.id: t for t in stored(db, number) if t.id in {b.id for b in before}} == {t.id: t for t in before}


async def test_a_dead_model_server_pauses_and_the_failed_are_tried_again(db: Database, ledger: Domain) -> None:
    async with serving() as server:
        port = int(server.base.split(":")[2].split("/")[0])
        server.plays = [{"text": "It is fine.", "seconds": 0.1}]
        models = {"teacher": answering(server.base)}
        number = launch(
            db,
            ledger,
            teacher="llm",
            models=models,
            trajectories=80,
            concurrency=4,
            modes={"single": 1},
            early_look=False,
        )
        await disturbed(db, number, 8, server.die)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert "the last one with model connection: " in row.reason  # of so many in a row, or of the last 24
    failed = checked(db, number).failed
    ended = sorted(stored(db, number), key=lambda t: t.execution.started_at + t.execution.seconds)
    after_the_last_answer = len(list(takewhile(lambda t: t.status == "failed", reversed(ended))))
    assert failed >= IN_A_ROW
    assert after_the_last_answer <= IN_A_ROW + 8
    measured = {t.id: t for t in stored(db, number) if t.status != "failed"}
    assert recovery.retry(db, number) == failed
    async with serving(port) as server:
        server.plays = [{"text": "It is fine."}]
        await work(db)
    assert batches.get_batch(db, number).status == "done"
    p = checked(db, number)
    assert (p.failed, p.waiting, p.kept + p.rejected) == (0, 0, 80)
    assert {t.id: t for t in stored(db, number) if t.id in measured} == measured


async def test_a_batch_waits_for_the_sandbox_it_began_in(
    db: Database, ledger: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    number, store = launch(db, ledger, sandbox="auto", trajectories=5), SqlStore(db)
    assert store.claim("another engine", time.time(), 15.0)
    store.pin(number, "another engine", "docker")
    store.release(number, "another engine", "queued", "The engine was stopped.")
    await work(db)
    row = batches.get_batch(db, number)
    assert (row.status, row.sandbox, row.progress.waiting) == ("paused", "docker", 5)
    assert "began in the docker sandbox" in row.reason
    batches.command(db, number, "resume")
    await work(db)
    assert batches.get_batch(db, number).status == "paused"
    recovery.resume_in(db, number, "local")
    await work(db)
    row = batches.get_batch(db, number)
    assert (row.status, row.sandbox) == ("done", "local")
    assert {t.execution.sandbox for t in stored(db, number)} == {"local"}


async def test_a_batch_that_could_not_start_fails_and_can_be_resumed(
    db: Database, ledger: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    number = launch(db, ledger, sandbox="docker", trajectories=3)
    await work(db)
    row = batches.get_batch(db, number)
    assert (row.status, row.sandbox) == ("failed", None)
    assert "No Docker engine answers" in row.reason
    batches.command(db, number, "resume")
    await work(db)
    assert batches.get_batch(db, number).status == "failed"
    assert checked(db, number).waiting == 3


async def test_the_first_sandbox_is_noted_and_said_in_every_trajectory(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, sandbox="auto", trajectories=4)
    await work(db, "local")
    assert batches.get_batch(db, number).sandbox == "local"
    assert {(t.execution.sandbox, t.execution.isolated) for t in stored(db, number) if t.turns} == {("local", False)}


@pytest.fixture(scope="module")
def own_docker() -> Iterator[Dockerd]:
    with tempfile.TemporaryDirectory(prefix="tw-docker-") as folder, private_dockerd(Path(folder)) as engine:
        yield engine


@pytest.mark.docker
@pytest.mark.slow
async def test_a_docker_engine_that_goes_away_pauses_until_it_is_back(
    db: Database, ledger: Domain, own_docker: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", own_docker.address)
    number = launch(db, ledger, sandbox="auto", trajectories=250, concurrency=4)
    await disturbed(db, number, 15, lambda: asyncio.to_thread(own_docker.stop))
    row = batches.get_batch(db, number)
    assert (row.status, row.sandbox) == ("paused", "docker")
    assert "Docker engine" in row.reason
    before = checked(db, number)
    assert before.failed == 0
    assert before.waiting > 0
    batches.command(db, number, "resume")
    await work(db)
    row = batches.get_batch(db, number)
    assert (row.status, row.progress) == ("paused", before)
    assert "began in the docker sandbox" in row.reason
    own_docker.start()
    batches.command(db, number, "resume")
    await work(db)
    assert batches.get_batch(db, number).status == "done"
    p = checked(db, number)
    assert (p.failed, p.waiting) == (0, 0)
    assert {t.execution.sandbox for t in stored(db, number) if t.turns} == {"docker"}
    assert own_docker.docker("ps", "-q").stdout == b""


@pytest.mark.docker
async def test_a_full_disk_of_the_docker_engine_pauses(
    db: Database, ledger: Domain, own_docker: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", own_docker.address)
    number = launch(db, ledger, sandbox="docker", trajectories=8)
    ballast = fill(own_docker.folder)
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert "disk of the Docker engine is full" in row.reason
    assert checked(db, number).waiting == 8
    ballast.unlink()
    batches.command(db, number, "resume")
    await work(db)
    assert batches.get_batch(db, number).status == "done"
    assert checked(db, number).failed == 0


@pytest.mark.docker
@pytest.mark.slow
async def test_an_engine_that_began_without_docker_takes_it_once_it_answers(
    own_docker: Dockerd, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(own_docker.stop)
    monkeypatch.setenv("DOCKER_HOST", own_docker.address)
    pools, bound = Pools("auto"), Pools("local")
    try:
        first = await pools.of()
        assert first.name in ("bubblewrap", "local")
        await pools.try_preferred()
        assert await pools.of() is first
        own_docker.start()
        await pools.try_preferred()
        assert (await pools.of()).name == "docker"
        assert await pools.of(first.name) is first
        await bound.of()
        await bound.try_preferred()
        assert (await bound.of()).name == "local"
    finally:
        await pools.aclose()
        await bound.aclose()
