"""128 dialogues in containers and as many that wait for one: the memory that this takes, and that nothing is lost."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from bench.model_path import model_server
from bench.whole_rollouts import stock
from engine.types import USUAL_MODE, Batch, DomainShare, Endpoint
from storage.database import open_database
from storage.generating import batches
from tests.engines import until
from tests.serving.test_killed import containers, docker_answers, ids, working

CONTAINERS = 128
FLYING = 2 * CONTAINERS
PLANNED = 2 * FLYING
MOST_MB = 3300
LATENCY = 1.5
"""Seconds that each model call takes, so that the containers are held at the same time."""
_UNITS = {"B": 1 / (1 << 20), "KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}
pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.timeout(600)]


def batch_of_many(base: str) -> Batch:
    endpoint = Endpoint(model="bench", llm="openai_compatible", api_base=base, timeout=60)
    return Batch(
        name="many",
        domains=(DomainShare(id="ledger", templates=("compare",)),),
        trajectories=PLANNED,
        modes={USUAL_MODE: 1.0},
        turns={1: 1.0},
        teacher="llm",
        user="llm",
        models={"teacher": endpoint, "user": endpoint, "judge": endpoint},
        judges=("rules", "state", "facts", "rubric"),
        sandbox="docker",
        concurrency=FLYING,
    )


def private_mb(pid: int) -> float:
    """Return the memory of a process in MB, what it shares divided among those that share it; 0 where it is gone."""
    try:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def named(part: str) -> dict[int, str]:
    """Return the command lines of the processes that hold a text, by their numbers."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if part in command:
            found[int(entry.parent.name)] = command
    return found


def daemons_mb() -> float:
    """Return the memory of the Docker engine's own processes without those of single containers, in MB."""
    shims = named("containerd-shim")
    return sum(private_mb(pid) for name in ("dockerd", "containerd") for pid in named(name) if pid not in shims)


def containers_mb(held: set[str]) -> float:
    """Return what containers use by the kernel's account, workspaces included, with their shims, in MB."""
    told = subprocess.run(
        ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *held],
        capture_output=True,
        text=True,
        timeout=60,
    )
    uses = re.findall(r"^([\d.]+)([KMG]?i?B) /", told.stdout, re.MULTILINE)
    shims = [pid for pid, command in named("containerd-shim").items() if any(one in command for one in held)]
    return sum(float(size) * _UNITS[unit] for size, unit in uses) + sum(map(private_mb, shims))


def test_many_containers_stay_within_memory_and_lose_nothing(tmp_path: Path) -> None:
    asyncio.run(docker_answers())
    db = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    stock(db)
    before = daemons_mb()
    with model_server(LATENCY) as base:
        batch = batches.create_batch(db, batch_of_many(base))
        most, at_once = 0.0, 0
        with working(tmp_path, "docker") as process:
            deadline = time.monotonic() + 400
            while batches.get_batch(db, batch).status not in ("done", "paused", "failed"):
                assert time.monotonic() < deadline
                held = containers(process.pid)
                if len(held) >= CONTAINERS:
                    parts = (private_mb(process.pid), containers_mb(held), daemons_mb() - before)
                    print(f"{len(held)} containers: engine, containers, Docker in MB: {parts}")
                    most, at_once = max(most, sum(parts)), max(at_once, len(held))
                time.sleep(1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        gone = process.pid
    assert at_once == CONTAINERS
    assert 500 < most < MOST_MB
    progress = batches.get_batch(db, batch).progress
    assert (progress.kept, progress.failed, progress.running, progress.waiting) == (PLANNED, 0, 0, 0)
    assert len(ids(db, batch)) == PLANNED
    until(lambda: not containers(gone), 20)
    db.close()
