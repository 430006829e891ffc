"""The sandbox image is built beside the running studio; until it is there tools run without isolation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.serving import worker as working
from engine.serving.choice import SandboxChoice
from engine.serving.image_build import ImageBuild
from engine.serving.worker import Worker
from engine.settings import read
from engine.types import Domain
from storage.database import Database
from storage.generating import batches
from storage.serving.engines import newest
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.conformance._sandboxes import opened
from tests.engines import ROOT, until
from tests.serving.test_lanes import launch, seen, status
from tests.serving.test_worker import stored


def script(folder: Path, *lines: str) -> Path:
    """Return a build script of these lines."""
    path = folder / "build.sh"
    path.write_text("\n".join(("#!/usr/bin/env bash", *lines, "")))
    path.chmod(0o755)
    return path


def lives(pid: int) -> bool:
    """Say whether a process is at work: neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_in(path: Path) -> int:
    until(lambda: path.is_file() and bool(path.read_text().strip()), 10)
    return int(path.read_text())


async def test_a_build_is_told_while_it_works_and_forgotten_once_it_is_done(tmp_path: Path) -> None:
    go = tmp_path / "go"
    build = ImageBuild(tmp_path, script(tmp_path, f"echo working; until [ -e {go} ]; do sleep 0.05; done"))
    assert build.state() is None
    task = asyncio.create_task(build.run())
    await asyncio.to_thread(until, lambda: build.state() is not None, 10)
    state = ImageBuild(tmp_path).state()
    assert state is not None
    assert state.building
    assert 0 <= time.time() - state.since < 10
    second = tmp_path / "second"  # a script of its own: the first may not have been read yet
    second.mkdir()
    await asyncio.wait_for(ImageBuild(tmp_path, script(second, "exit 7")).run(), 5)  # one is at work: no second
    go.touch()
    await task
    assert build.state() is None
    assert build.log.read_text() == "working\n"


async def test_a_build_that_fails_says_why_and_the_next_one_starts_anew(tmp_path: Path) -> None:
    build = ImageBuild(
        tmp_path, script(tmp_path, "echo fine", "echo 'sandbox image: no Docker engine answers.' >&2", "exit 1")
    )
    await build.run()
    state = build.state()
    assert state is not None
    assert (state.building, state.reason) == (False, "no Docker engine answers.")
    script(tmp_path, "exit 0")
    await build.run()
    assert build.state() is None


async def test_a_script_that_cannot_start_is_told(tmp_path: Path) -> None:
    build = ImageBuild(tmp_path, tmp_path / "nowhere.sh")
    await build.run()
    state = build.state()
    assert state is not None
    assert state.reason == "The build could not be started: No such file or directory."


async def test_the_end_of_the_studio_ends_the_build_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    build = ImageBuild(tmp_path, script(tmp_path, f"sleep 300 & echo $! > {child}; wait"))
    task = asyncio.create_task(build.run())
    pid = await asyncio.to_thread(pid_in, child)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(until, lambda: not lives(pid), 10)
    assert build.state() is None


def test_a_build_outlives_a_killed_studio_and_is_told_until_it_ends(tmp_path: Path) -> None:
    child, go = tmp_path / "child", tmp_path / "go"
    path = script(tmp_path, f"echo $$ > {child}; until [ -e {go} ]; do sleep 0.05; done")
    code = (
        "import asyncio, pathlib, sys; from engine.serving.image_build import ImageBuild; "
        "asyncio.run(ImageBuild(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])).run())"
    )
    studio = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(path)], cwd=ROOT)
    build, pid = ImageBuild(tmp_path), pid_in(child)
    studio.kill()
    studio.wait()
    try:
        state = build.state()
        assert state is not None
        assert state.building
        go.touch()
        until(lambda: not lives(pid), 10)
        until(lambda: build.state() is None, 10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# ---------------------------------------------------------------- the image arrives while batches run


@pytest.fixture
async def late_image(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The name of an image that is not there yet."""
    await (await opened("docker")).aclose()
    monkeypatch.setattr(working, "LOOK_SECONDS", 0.2)
    name = f"turnwright-late:{os.getpid()}"
    yield name
    subprocess.run(["docker", "rmi", name], capture_output=True, check=False)


@asynccontextmanager
async def at_work(db: Database, image: str) -> AsyncIterator[None]:
    """An engine that was told no sandbox, as the studio starts it."""
    worker = Worker(SqlStore(db), SqlLibrary(db), SandboxChoice(image=image), say=lambda _: None)
    task = asyncio.create_task(worker.work())
    try:
        yield
    finally:
        worker.stop.set()
        await asyncio.wait_for(task, 60)


@pytest.mark.docker
async def test_a_batch_keeps_the_sandbox_that_it_began_in(db: Database, ledger: Domain, late_image: str) -> None:
    first = launch(db, ledger, 40, sandbox="auto", concurrency=1)
    async with at_work(db, late_image):
        await seen(lambda: batches.get_batch(db, first).progress.rejected > 2)
        began = batches.get_batch(db, first).sandbox
        assert began in ("bubblewrap", "local")
        subprocess.run(["docker", "tag", read().image, late_image], check=True)
        await seen(lambda: (found := newest(db)) is not None and found.sandbox == "docker")
        before = batches.get_batch(db, first).progress.rejected
        await seen(lambda: batches.get_batch(db, first).progress.rejected > before)
    async with at_work(db, late_image):  # another engine, which knows the image from its beginning
        second = launch(db, ledger, 2, sandbox="auto")
        await seen(lambda: {status(db, first), status(db, second)} == {"done"}, 60)
    assert {found.execution.sandbox for found in stored(db, first)} == {began}
    assert {found.execution.sandbox for found in stored(db, second)} == {"docker"}
