"""Processes that write at once, and a process that is killed in the middle of a save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.settings import ROOT
from storage.database import Database
from storage.serving.store import SqlStore
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import queue_batch

_WRITER = """
import sys
from storage.database import open_database
from storage.serving.store import SqlStore
from tests.samples.trajectories import order_trajectory
url, batch, first, count, chunk = sys.argv[1], *map(int, sys.argv[2:6])
store = SqlStore(open_database(url))
print("ready", flush=True)
for start in range(first, first + count, chunk):
    store.save(batch, [order_trajectory(i, said="word " * 200) for i in range(start, start + chunk)])
    print(start + chunk, flush=True)
"""


def _start(url: str, batch: int, first: int, count: int, chunk: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", _WRITER, url, *map(str, (batch, first, count, chunk))]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_six_processes_lose_nothing(db: Database, url: str) -> None:
    number = queue_batch(db, 600)
    writers = [_start(url, number, n * 100, 40, 4) for n in range(6)]
    assert [w.wait(60) for w in writers] == [0] * 6
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    store = SqlStore(db)
    assert store.progress(number).kept == 240
    assert store.done_ids(number) == {f"rollout-{n * 100 + i}" for n in range(6) for i in range(40)}


def test_a_kill_in_mid_save_loses_no_committed_row_and_doubles_none(db: Database, url: str) -> None:
    number = queue_batch(db, 5_000)
    writer = _start(url, number, 0, 5_000, 50)
    assert writer.stdout is not None
    told = 0
    deadline = time.monotonic() + 60
    while told < 150 and time.monotonic() < deadline:
        line = writer.stdout.readline()
        told = int(line) if line.strip().isdigit() else told
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()

    store = SqlStore(db)
    done = store.done_ids(number)
    assert told >= 150
    assert done >= {f"rollout-{i}" for i in range(told)}
    assert len(done) % 50 == 0, "a transaction was stored in part"
    assert store.progress(number).kept == len(done)

    everything = [order_trajectory(i, said="word " * 200) for i in range(len(done) + 100)]
    assert store.save(number, everything) == 100
    assert store.progress(number).kept == len(done) + 100 == len(store.done_ids(number))


def test_the_write_ahead_log_of_a_killed_process_is_taken_over(sqlite_db: Database) -> None:
    assert sqlite_db.path is not None
    number = queue_batch(sqlite_db, 100)
    writer = _start(f"sqlite:///{sqlite_db.path}", number, 0, 100, 10)
    assert writer.stdout is not None
    while writer.stdout.readline().strip() != "50":
        pass
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    assert Path(f"{sqlite_db.path}-wal").exists()
    assert SqlStore(sqlite_db).progress(number).kept >= 50
