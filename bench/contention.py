"""Contention on one SQLite database: an engine, two pages and a reviewer at once, each in its own process.

    python -m bench.contention [--seconds 60] [--rate 500] [--stored 20000]

The engine saves `rate` trajectories a second and renews its claim, as the runner does; the pages run the queries of
real pages; the reviewer gives a verdict twenty times a second, and the last verdict on a trajectory must be stored at
the end. There must be no error and no lost row, and 99 of 100 verdicts must be stored within 100 ms. The peer of a
verdict's time is the same write before the other processes start.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import func, select

from bench.make_database import stock
from bench.samples import MODELS, modes, trajectories
from engine.errors import StorageError
from engine.types import VERDICTS_MEAN, Batch, DomainShare, TrajectoryFilter, Verdict
from storage import tables
from storage.analysing import analytics
from storage.database import Database, open_database
from storage.generating import batches
from storage.reviewing import reviews
from storage.reviewing import trajectories as lists
from storage.serving.store import SqlStore

HOLDER = "bench"
TICK = 0.1
"""Seconds between two saves of the engine."""
PAUSE = 0.2
"""Seconds that a page waits between two rounds of questions."""
VERDICT_EVERY = 0.05
QUIET_SECONDS = 5.0
STARTING = 8.0
"""Seconds that the processes have to start."""
BOUND = 0.1
"""Seconds in which 99 of 100 verdicts must be stored."""


@dataclass
class Measurements:
    """What one process did: seconds of each piece of work, errors, and the rows and verdicts that must be stored."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    rows: int = 0
    verdicts: dict[int, str] = field(default_factory=dict)

    def time(self, work: Callable[[], object]) -> bool:
        """Do a piece of work and note its seconds; return False, noting the error, when storage refuses it."""
        started = time.perf_counter()
        try:
            work()
        except StorageError as error:
            self.errors.append(str(error))
            return False
        finally:
            self.seconds.append(time.perf_counter() - started)
        return True

    def at(self, share: float) -> float:
        """Return the quantile `share` (0.5 for the median) of the times in milliseconds; NaN where there are none."""
        ordered = sorted(self.seconds)
        if not ordered:
            return math.nan
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open a database for the block."""
    db = open_database(url)
    try:
        yield db
    finally:
        db.close()


def wait(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def engine(url: str, number: int, rate: int, begin: float, end: float) -> Measurements:
    """Save `rate` trajectories a second and send a heartbeat once a second."""
    measured, each, ticks = Measurements(), max(1, round(rate * TICK)), int((end - begin) / TICK)
    with opened(url) as db:
        store = SqlStore(db)
        source = trajectories(ticks * each, stock(db), model=MODELS[0], fingerprint="arriving")
        beaten = 0.0
        for tick in range(ticks):
            wait(begin + tick * TICK)
            chunk = list(islice(source, each))
            if measured.time(lambda chunk=chunk: store.save(number, chunk)):  # type: ignore[misc]
                measured.rows += len(chunk)
            if time.time() - beaten > 1:
                beaten = time.time()
                measured.time(lambda: store.heartbeat(number, HOLDER, time.time(), each))
    return measured


def page(url: str, number: int, begin: float, end: float) -> Measurements:
    """Run the queries of a batch's page, the queue and the charts."""
    measured, everything = Measurements(), TrajectoryFilter()
    one = TrajectoryFilter(batches=(number,), modes=(modes()[0],))
    with opened(url) as db:
        wait(begin)
        while time.time() < end:
            for asked in (
                lambda: batches.latest(db, number),
                lambda: batches.losses(db, number),
                lambda: lists.page(db, everything),
                lambda: lists.page(db, one, sort="reward_low"),
                lambda: analytics.histogram(db, everything),
                lambda: analytics.funnel(db, one),
            ):
                measured.time(asked)
            time.sleep(PAUSE)
    return measured


def reviewer(url: str, stored: int, begin: float, end: float) -> Measurements:
    """Give verdicts to the first 500 stored trajectories in random order."""
    measured, source = Measurements(), random.Random(0)
    with opened(url) as db:
        wait(begin)
        while time.time() < end:
            id = source.randint(1, min(stored, 500))
            verdict: Verdict = source.choice(("accept", "reject"))
            key = reviews.ReviewKey(id, None, "me")
            if measured.time(partial(reviews.change_review, db, key, {"verdict": verdict})):
                measured.verdicts[id] = verdict
            time.sleep(VERDICT_EVERY)
    return measured


def lost(db: Database, number: int, rows: int, verdicts: dict[int, str]) -> tuple[int, int, int]:
    """Return (trajectories missing, error of the batch's counts, verdicts that are not the last one given)."""
    t = tables.trajectory.c
    with db.read() as session:
        there = session.execute(select(func.count()).where(t.batch_id == number)).scalar_one()
        found = {row.id: row.verdict for row in session.execute(select(t.id, t.verdict).where(t.id.in_(verdicts)))}
    p = batches.get_batch(db, number).progress
    wrong = sum(found.get(id) != VERDICTS_MEAN[verdict][0] for id, verdict in verdicts.items())
    return rows - there, abs(rows - p.finished), wrong


def measure(url: str, seconds: float, rate: int, stored: int) -> bool:
    """Fill the database, let all write and read at once, print; return whether nothing went wrong."""
    db = open_database(url)
    stocked = stock(db)
    planned = stored + int(seconds * rate) + rate
    wanted = Batch(name="bench", domains=tuple(DomainShare(id=d.id) for d in stocked), trajectories=planned)
    number, store = batches.create_batch(db, wanted), SqlStore(db)
    store.claim(HOLDER, time.time(), 15.0)
    source = trajectories(stored, stocked, model=MODELS[0])
    while chunk := list(islice(source, 500)):
        store.save(number, chunk)
    now = time.time()
    alone = reviewer(url, stored, now, now + QUIET_SECONDS)
    begin = time.time() + STARTING
    end = begin + seconds
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as processes:
        writes = processes.submit(engine, url, number, rate, begin, end)
        reads = [processes.submit(page, url, number, begin, end) for _ in range(2)]
        judged = processes.submit(reviewer, url, stored, begin, end).result()
        wrote, asked = writes.result(), [read.result() for read in reads]
    for measured in asked[1:]:
        asked[0].seconds += measured.seconds
        asked[0].errors += measured.errors
    gone = lost(db, number, stored + wrote.rows, {**alone.verdicts, **judged.verdicts})
    db.close()
    errors = [error for measured in (wrote, judged, asked[0]) for error in measured.errors]
    print(f"{wrote.rows / seconds:.0f} rows/s for {seconds:g} s beside {stored} stored, wanted {rate}")
    for name, measured in (("write of the engine", wrote), ("question of a page", asked[0]), ("verdict", judged)):
        print(
            f"{name:22s} {len(measured.seconds):6d}   p50 {measured.at(0.5):7.1f} ms   p99 {measured.at(0.99):7.1f} ms"
        )
    share = judged.at(0.99) / 1000 / BOUND
    print(
        f"{'verdict, alone':22s} {len(alone.seconds):6d}   p50 {alone.at(0.5):7.1f} ms   p99 {alone.at(0.99):7.1f} ms"
    )
    print(f"verdict, p99: bound {BOUND * 1000:g} ms: {share:.2f} of it")
    print(f"errors {len(errors)}, bound 0; lost: trajectories {gone[0]}, counts {gone[1]}, verdicts {gone[2]}, bound 0")
    for error in sorted(set(errors)):
        print(f"    {error}")
    idle = [
        name
        for name, measured in (("engine", wrote), ("pages", asked[0]), ("reviewer", judged))
        if not measured.seconds
    ]
    if idle:
        print(f"nothing was measured of: {', '.join(idle)}; they started too late, so choose more --seconds")
    return not errors and not idle and gone == (0, 0, 0)


def main() -> None:
    """Read the command line, measure and print; end with 1 when a write failed or was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--stored", type=int, default=20_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="turnwright-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'contention.db'}"
        sys.exit(0 if measure(url, chosen.seconds, chosen.rate, chosen.stored) else 1)


if __name__ == "__main__":
    main()
