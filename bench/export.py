"""Export of many trajectories of 6 KB against jsonlines writing the same rows.

    python -m bench.export [--rows 100000] [--formats chat_jsonl llamafactory trajectory]

Prints, per format, the CPU microseconds of a row:

    jsonlines        the floor: jsonlines as shipped writing the very same rows, with no split, id, review or report
    with orjson      the same floor with orjson as its `dumps`
    from memory      ours, bare file and zip, from Trajectory objects that stand ready
    from database    ours, bare file, from storage.stream: SQL, reading the stored bodies and exporting

A ratio is floor / ours, so above 1 is faster than the floor. The parts follow one another, so on a busy machine look at
several measurements. Peak memory, at 1,000 trajectories and at the end of the export from the database, includes what
filling the database took and the pages of the file that SQLite maps (256 MB at most); nothing else grows with --rows.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import jsonlines

from bench.make_database import stock
from bench.samples import trajectories
from engine import catalog
from engine.export import build
from engine.exporters._json import dump_bytes
from engine.settings import CATALOG
from engine.types import Batch, DomainShare, Recipe, Review, Trajectory, TrajectoryFilter
from storage import batches
from storage.database import Database, open_database
from storage.store import SqlStore
from storage.trajectories import stream

CHUNK = 500
Source = Iterator[tuple[int, Trajectory, list[Review]]]


class Outside:
    """CPU seconds that making the rows of a benchmark took, to be left out, and the peak memory early on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.early_peak = 0

    def ready(self, rows: int) -> Source:
        """Yield trajectories; making them is counted here."""
        source = enumerate(made(rows))
        while True:
            started = time.process_time()
            chunk = list(islice(source, CHUNK))
            self.seconds += time.process_time() - started
            if not chunk:
                return
            for number, trajectory in chunk:
                yield number, trajectory, []

    def watched(self, source: Source) -> Source:
        """Pass a source on and note the peak memory at 1,000."""
        for count, item in enumerate(source):
            if count == 1000:
                self.early_peak = peak()
            yield item


def made(rows: int) -> Iterator[Trajectory]:
    return trajectories(rows, [catalog.load(CATALOG / "retail")])


def peak() -> int:
    """Return the highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def stored(db: Database, rows: int) -> None:
    """Fill an empty database with one batch."""
    stock(db)
    batch = Batch(name="export", domains=(DomainShare(id="retail"),), trajectories=rows)
    number = batches.create_batch(db, batch)
    store, source = SqlStore(db), made(rows)
    while chunk := list(islice(source, CHUNK)):
        store.save(number, chunk)


def floors(path: Path, folder: Path) -> tuple[int, float, float]:
    """Return (rows, CPU seconds of plain jsonlines, of jsonlines with orjson) of writing a file's rows again."""
    plain_seconds = fast_seconds = 0.0
    rows = 0
    with (
        path.open("rb") as data,
        jsonlines.open(folder / "plain.jsonl", "w") as plain,
        (folder / "fast.jsonl").open("wb") as out,
    ):
        fast = jsonlines.Writer(out, dumps=dump_bytes)
        while lines := list(islice(data, CHUNK)):
            values = [json.loads(line) for line in lines]
            plain_seconds += spent(partial(plain.write_all, values))
            fast_seconds += spent(partial(fast.write_all, values))
            rows += len(values)
    return rows, plain_seconds, fast_seconds


def spent(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that some work took."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(format: str, rows: int, db: Database, folder: Path) -> None:
    """Export from the database and from memory, then print what a row took."""
    recipe = Recipe(format=format, splits={"train": 1.0}, include_rejected=True)
    streamed = Outside()
    source = streamed.watched(stream(db, TrajectoryFilter()))
    costs = {"from database": spent(partial(build, recipe, source, folder / "stored.jsonl"))}
    last_peak = peak()
    for name, file in (("from memory", "data.jsonl"), ("from memory as a zip", "data.zip")):
        outside = Outside()
        costs[name] = spent(partial(build, recipe, outside.ready(rows), folder / file)) - outside.seconds
    if not filecmp.cmp(folder / "data.jsonl", folder / "stored.jsonl", shallow=False):
        raise SystemExit("The database and memory gave different bytes.")
    written, plain, fast = floors(folder / "data.jsonl", folder)
    kilobytes = (folder / "data.jsonl").stat().st_size / written / 1000
    print(f"{format}: {written} rows of {kilobytes:.1f} KB, CPU microseconds a row")
    print(f"  jsonlines {plain / written * 1e6:.0f}, with orjson {fast / written * 1e6:.0f}")
    for name, seconds in costs.items():
        ratios = f"{plain / seconds:.2f} of jsonlines, {fast / seconds:.2f} of it with orjson"
        print(f"  {name} {seconds / written * 1e6:.0f}: {ratios}")
    print(f"  peak memory {streamed.early_peak} MB at 1,000, {last_peak} MB at {rows}", flush=True)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", default=["chat_jsonl", "llamafactory", "trajectory"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = open_database(f"sqlite:///{folder / 'rows.db'}")
        try:
            stored(db, chosen.rows)
            for format in chosen.formats:
                measure(format, chosen.rows, db, folder)
        finally:
            db.close()


if __name__ == "__main__":
    main()
