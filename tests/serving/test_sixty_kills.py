"""Sixty kills, each after rows were saved since the last one: twenty of the engine, of tool servers and of containers.
Every planned trajectory is there once at the end, none failed, and nothing is left running."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.types import Domain
from storage.database import Database
from storage.generating import batches
from tests.engines import until
from tests.serving.test_killed import containers, db, docker_answers, finish, ids, kill, launch, there, working

__all__ = ["db"]  # a fixture
KILLS = 20
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def below(pid: int) -> list[int]:
    """Return the tool servers that an engine process started."""
    found = []
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        for one in child.read_text().split():
            try:
                command = Path(f"/proc/{one}/cmdline").read_bytes()
            except OSError:
                continue
            if b"no_debug_ranges" in command:
                found.append(int(one))
    return found


def ended(db: Database, batch: int, planned: int) -> None:
    """Check that the batch has what was planned, each trajectory once and none failed."""
    assert len(ids(db, batch)) == planned
    p = batches.get_batch(db, batch).progress
    assert (p.kept + p.rejected, p.failed, p.running, p.waiting) == (planned, 0, 0, 0)


def struck(db: Database, batch: int, home: Path, sandbox: str, strike: Callable[[int], bool], rows: int) -> int:
    """Let one engine work, and strike whenever it saved so many rows since the last time; return how often."""
    strikes = 0
    with working(home, sandbox) as process:
        while strikes < KILLS and batches.get_batch(db, batch).status != "done":
            saved = there(db, batch)
            until(lambda saved=saved: there(db, batch) >= saved + rows, 60)  # type: ignore[misc]
            strikes += strike(process.pid)
        until(lambda: batches.get_batch(db, batch).status == "done", 240)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    return strikes


def test_twenty_engines_are_killed(tmp_path: Path, db: Database, ledger: Domain) -> None:
    batch, seen = launch(db, ledger, "local", 3000), set[str]()
    for _ in range(KILLS):
        before = len(seen)
        kill(tmp_path, "local", signal.SIGKILL, lambda before=before: there(db, batch) > before + 10)  # type: ignore[misc]
        now = ids(db, batch)
        assert seen < now
        seen = now
    assert len(seen) < 3000, "the batch was at work at each kill"
    finish(db, tmp_path, "local", batch)
    ended(db, batch, 3000)


def test_twenty_tool_servers_are_killed(tmp_path: Path, db: Database, ledger: Domain) -> None:
    batch, dice = launch(db, ledger, "local", 3000), random.Random(1)

    def strike(engine: int) -> bool:
        servers = below(engine)
        if not servers:
            return False
        os.kill(dice.choice(servers), signal.SIGKILL)
        return True

    assert struck(db, batch, tmp_path, "local", strike, 50) == KILLS
    ended(db, batch, 3000)


@pytest.mark.docker
def test_twenty_containers_are_killed(tmp_path: Path, db: Database, ledger: Domain) -> None:
    asyncio.run(docker_answers())
    batch, dice, owner = launch(db, ledger, "docker", 2000), random.Random(1), []

    def strike(engine: int) -> bool:
        owner[:] = [engine]
        found = sorted(containers(engine))
        if not found:
            return False
        done = subprocess.run(["docker", "kill", dice.choice(found)], capture_output=True, timeout=30, check=False)
        return done.returncode == 0

    assert struck(db, batch, tmp_path, "docker", strike, 30) == KILLS
    ended(db, batch, 2000)
    until(lambda: not containers(owner[0]), 20)
