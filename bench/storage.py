"""Storage beside its floors (sqlite3 executemany for writing, jsonlines for reading), then the queries of pages.

    python -m bench.storage [--rows 100000] [--folder DIR]

Writing is timed chunk by chunk, floor and product in turn, so that a busy machine slows both alike:

    bare        sqlite3 executemany of ready tuples (facts and body in one table, no index), WAL, synchronous NORMAL
    same rows   sqlite3 executemany of ready tuples into every table and index that we write, counters left out
    ours        SqlStore.save of Trajectory objects: dump, rows, full-text index, facets, idempotence, counters
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import jsonlines
import orjson

from bench.make_database import stock
from bench.samples import MODELS, modes, trajectories
from engine.exporting import record
from engine.types import Batch, DomainShare, Trajectory, TrajectoryFilter
from storage import tables
from storage.analysing import analytics
from storage.database import Database, open_database
from storage.generating import batches
from storage.intake.rows import Rows, rows_of
from storage.reviewing import trajectories as lists
from storage.serving.store import SqlStore

CHUNK = 500


class Clock:
    """Adds up seconds by name: wall time in `seconds`, CPU time of this thread in `busy`.

    Garbage collection is off meanwhile, as in timeit, since its cost depends on what else the process holds.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.busy: dict[str, float] = {}

    def time(self, name: str, work: Callable[[], object]) -> None:
        gc.collect(0)
        gc.disable()
        wall, busy = time.perf_counter(), time.thread_time()
        work()
        self.busy[name] = self.busy.get(name, 0.0) + time.thread_time() - busy
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - wall
        gc.enable()


def _peer_connection(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def _write_bare(connection: sqlite3.Connection, rows: list[Rows], facts: list[tuple[Any, ...]]) -> None:
    names, marks = ", ".join(rows[0].facts), ", ".join("?" * (len(facts[0]) + 1))
    values = [(*fact, r.body[1]) for fact, r in zip(facts, rows, strict=True)]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO bare ({names}, body) VALUES ({marks})", values)
    connection.execute("COMMIT")


def _write_same(connection: sqlite3.Connection, rows: list[Rows], facts: list[tuple[Any, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for name, values in (
        (f"trajectory({', '.join(rows[0].facts)})", facts),
        ("trajectory_body", [r.body for r in rows]),
        ("score", [s for r in rows for s in r.scores]),
        ("tool_use", [u for r in rows for u in r.tools]),
        ("trajectory_search(rowid, content)", [r.text for r in rows]),
    ):
        if values:
            connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(values[0]))})", values)
    connection.execute("COMMIT")


def _batch(db: Database, rows: int) -> tuple[int, Iterator[Trajectory]]:
    stocked = stock(db)
    wanted = Batch(name="bench", domains=tuple(DomainShare(id=d.id) for d in stocked), trajectories=rows)
    return batches.create_batch(db, wanted), trajectories(rows, stocked, model=MODELS[0])


def write(folder: Path, rows: int) -> tuple[Database, Clock, int]:
    """Write the same trajectories three ways; return our database, the clock and the bytes of bodies."""
    db = open_database(f"sqlite:///{folder / 'ours.db'}")
    same_db = open_database(f"sqlite:///{folder / 'same.db'}")
    number, source = _batch(db, rows)
    _batch(same_db, rows)
    same_db.close()
    bare, same = _peer_connection(folder / "bare.db"), _peer_connection(folder / "same.db")
    bare.execute(f"CREATE TABLE bare ({', '.join(c.name for c in tables.trajectory.columns)}, body, PRIMARY KEY (id))")
    store, clock, size = SqlStore(db), Clock(), 0
    first = 1
    while chunk := list(islice(source, CHUNK)):
        ready = [rows_of(first + i, number, t, 1.0) for i, t in enumerate(chunk)]
        size += sum(len(r.body[1]) for r in ready)
        first += len(chunk)
        facts = [tuple(r.facts.values()) for r in ready]
        clock.time("bare", partial(_write_bare, bare, ready, facts))
        clock.time("same rows", partial(_write_same, same, ready, facts))
        clock.time("ours", partial(store.save, number, chunk))
    bare.close()
    same.close()
    return db, clock, size


def read(db: Database, folder: Path, rows: int) -> Clock:
    """Read all trajectories: as JSON lines, and as our stream and records."""
    path = folder / "rows.jsonl"
    with path.open("wb") as file:
        for _, body, _ in lists.stream(db, TrajectoryFilter()):
            file.write(body + b"\n")
    clock = Clock()

    def jsonl(loads: Callable[[str], object], parse: Callable[[object], object]) -> None:
        with jsonlines.open(path, loads=loads) as reader:
            for line in reader.iter():
                parse(line)

    def ours() -> None:
        assert sum(1 for _, body, _ in lists.stream(db, TrajectoryFilter()) if record.read(body)) == rows

    clock.time("jsonlines", lambda: jsonl(orjson.loads, lambda line: line))
    clock.time("jsonlines + Trajectory", lambda: jsonl(lambda s: s, lambda s: Trajectory.model_validate_json(str(s))))
    clock.time("ours", ours)
    return clock


def questions(db: Database) -> dict[str, float]:
    """Return the median milliseconds of each query of pages, with warm caches."""
    everything, one = TrajectoryFilter(), TrajectoryFilter(modes=(modes()[0],))
    last = max(0, lists.count(db, everything) - 50)
    asked: dict[str, Callable[[], object]] = {
        "page of 50": lambda: lists.page(db, everything),
        "page of 50, last": lambda: lists.page(db, everything, offset=last),
        "page of 50, by reward, middle": lambda: lists.page(db, everything, sort="reward_low", offset=last // 2),
        "page of 50, one mode": lambda: lists.page(db, one),
        "histogram of reward": lambda: analytics.histogram(db, everything),
        "histogram of a score": lambda: analytics.histogram(db, everything, "rubric"),
        "histogram of reward, one mode": lambda: analytics.histogram(db, one),
        "full-text search, common word": lambda: lists.page(db, TrajectoryFilter(text="refund")),
        "full-text search, two words": lambda: lists.page(db, TrajectoryFilter(text="tanaka invoice")),
        "facets": lambda: lists.facets(db),
        "neighbours": lambda: lists.neighbours(db, everything, last // 2 + 1),
        "funnel": lambda: analytics.funnel(db, everything),
        "breakdown by mode": lambda: analytics.breakdown(db, everything, "mode"),
    }
    return {name: _median(work) for name, work in asked.items()}


def _median(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)[3]


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None, help="where to write (default: a temporary folder)")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="turnwright-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        db, wrote, size = write(folder, chosen.rows)
        print(f"{chosen.rows} trajectories, {size / chosen.rows / 1000:.1f} KB each")
        _print_ratios("write", wrote, chosen.rows)
        _print_ratios("read", read(db, folder, chosen.rows), chosen.rows)
        for name, milliseconds in questions(db).items():
            print(f"{name:34s} {milliseconds:8.1f} ms")
        db.close()
    finally:
        if chosen.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def _print_ratios(what: str, clock: Clock, rows: int) -> None:
    for name, seconds in clock.seconds.items():
        ratio = clock.busy[name] / clock.busy["ours"]
        ratio_text = (
            "" if name == "ours" else f"   ours is {seconds / clock.seconds['ours']:.2f} of it, by CPU {ratio:.2f}"
        )
        print(
            f"{what:6s} {name:24s} {rows / seconds:10,.0f} rows/s, {rows / clock.busy[name]:10,.0f} by CPU{ratio_text}"
        )


if __name__ == "__main__":
    main()
