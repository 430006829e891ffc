"""Export of many trajectories of 6 KB, beside jsonlines and pyarrow writing the same rows.

    python -m bench.export [--rows 100000] [--formats chat_jsonl llamafactory trajectory]

Prints, per format, microseconds per row, as wall time and as CPU time of all processes:

    jsonlines       the floor: jsonlines as shipped writes the same rows from memory, without split, id or report; JSON
                    columns of whole records are encoded by the writer's own encoder
    with orjson     the same floor with orjson as its `dumps`
    alone           ours in one process, from the database: SQL, stored bodies, conversion, a bare file
    export          ours as in the product: after the first 2,000, further processes convert too, one for each processor
                    that was idle until then (on a busy machine none, so that it equals `alone`)
    as a zip        the same into a zip
    pyarrow         the floor of Parquet: Table.from_pylist and ParquetWriter with zstd, 2,000 rows at a time from
                    memory, given our schema and the JSON text of objects whose keys are data
    from stored     pyarrow in the same way, with the rows that our conversion makes of the database: what a script
                    takes that needs no report, no card, no splits, and knows the schema
    as Parquet      ours in one process, from the database to a bare file

A ratio is floor / ours, so above 1 is faster than the floor; that of Parquet stands beside both. Wall times are
comparable on an otherwise idle machine only, so the load is printed. Peak memory is that of this process, at 1,000
trajectories, at the end of the first export and after Parquet, which loads pyarrow; it includes filling the database.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import jsonlines
import pyarrow as pa
import pyarrow.parquet

from bench.make_database import stock
from bench.samples import trajectories
from engine.domains import catalog
from engine.exporters.trajectory import AS_JSON, SCHEMA
from engine.exporting.build import build
from engine.exporting.containers.places import Place, Texts, texts_inside, with_texts
from engine.exporting.convert import Conversion, Entry
from engine.exporting.json import dump_bytes, dumps
from engine.loop import spare_collector
from engine.settings import CATALOG
from engine.types import Batch, DomainShare, Recipe, TrajectoryFilter
from storage.database import Database, open_database
from storage.generating import batches
from storage.reviewing.trajectories import stream
from storage.serving.store import SqlStore

CHUNK = 500
GROUP = 2_000
"""Rows of a row group in Parquet, as in ours."""


class Spent(NamedTuple):
    """Seconds that some work took: wall time, and CPU time including child processes."""

    wall: float = 0.0
    busy: float = 0.0


NOTHING = Spent()


def spent(work: Callable[[], object], before: Spent = NOTHING) -> Spent:
    """Do some work; return the time that it took plus `before`."""
    wall, busy = time.perf_counter(), _busy()
    work()
    return Spent(before.wall + time.perf_counter() - wall, before.busy + _busy() - busy)


def _busy() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak() -> int:
    """Return the highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def stored(db: Database, rows: int) -> None:
    """Fill an empty database with one batch."""
    stock(db)
    batch = Batch(name="export", domains=(DomainShare(id="retail"),), trajectories=rows)
    number = batches.create_batch(db, batch)
    store, source = SqlStore(db), trajectories(rows, [catalog.load(CATALOG / "retail")])
    while chunk := list(islice(source, CHUNK)):
        store.save(number, chunk)


def watched(source: Iterator[Entry], early: list[int]) -> Iterator[Entry]:
    """Yield the source, and append the peak memory at its 1,000th entry to `early`."""
    for count, item in enumerate(source):
        if count == 1000:
            early.append(peak())
        yield item


def floors(path: Path, folder: Path) -> tuple[int, Spent, Spent]:
    """Write a file's rows again; return (rows, time of plain jsonlines, time of jsonlines with orjson)."""
    plain_spent = fast_spent = Spent()
    rows = 0
    with (
        path.open("rb") as data,
        jsonlines.open(folder / "plain.jsonl", "w") as plain,
        (folder / "fast.jsonl").open("wb") as out,
    ):
        fast = jsonlines.Writer(out, dumps=dump_bytes)
        while lines := list(islice(data, CHUNK)):
            values = [opened(json.loads(line)) for line in lines]
            plain_spent = spent(partial(written, plain, values, json.dumps), plain_spent)
            fast_spent = spent(partial(written, fast, values, dumps), fast_spent)
            rows += len(values)
    return rows, plain_spent, fast_spent


def columns_of(lines: Path) -> Texts:
    """Return where JSON text stands in the columns of a file of JSON Lines."""
    seen = Place()
    with lines.open("rb") as data:
        for line in data:
            seen.see(json.loads(line))
    return texts_inside(seen) or {}


def parquet_floor(lines: Path, inside: Texts, schema: pa.Schema, folder: Path) -> Spent:
    """Write the rows of a file of JSON Lines with pyarrow, as one who has them in memory; return the time."""
    took = Spent()
    target = pyarrow.parquet.ParquetWriter(folder / "p.parquet", schema, compression="zstd")
    with lines.open("rb") as data, target as writer:
        while some := list(islice(data, GROUP)):
            rows = [with_texts(json.loads(line), inside) for line in some]
            took = spent(lambda rows=rows: writer.write_table(pa.Table.from_pylist(rows, schema=schema)), took)
    return took


def parquet_from_stored(recipe: Recipe, db: Database, inside: Texts, schema: pa.Schema, folder: Path) -> None:
    """Write the rows of all stored trajectories with pyarrow."""
    conversion, rows = Conversion(recipe), list[Any]()
    with pyarrow.parquet.ParquetWriter(folder / "s.parquet", schema, compression="zstd") as writer:
        for _, body, reviews in stream(db, TrajectoryFilter()):
            rows += [with_texts(row, inside) for row in conversion.record_and_rows(body, reviews)[1].rows]
            if len(rows) >= GROUP:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                rows.clear()
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def opened(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its JSON columns decoded, which only whole records have."""
    if row.get("schema") != SCHEMA:
        return row
    return {name: json.loads(value) if name in AS_JSON else value for name, value in row.items()}


def written(writer: jsonlines.Writer, rows: list[dict[str, Any]], text: Callable[[Any], str]) -> None:
    """Write rows, with the JSON columns of whole records encoded by `text`."""
    if rows[0].get("schema") == SCHEMA:
        rows = [{name: text(value) if name in AS_JSON else value for name, value in row.items()} for row in rows]
    writer.write_all(rows)


def measure(format: str, db: Database, folder: Path) -> None:
    """Export from the database in each way, then print the times per row."""
    recipe = Recipe(format=format, splits={"train": 1.0}, include_rejected=True)
    early: list[int] = []
    ways: tuple[tuple[str, str, int | None], ...] = (
        ("alone", "alone.jsonl", 0),
        ("export", "export.jsonl", None),
        ("as a zip", "export.zip", None),
    )
    costs: dict[str, Spent] = {}
    late = 0
    for name, file, extra_processes in ways:
        source = watched(stream(db, TrajectoryFilter()), early)
        costs[name] = spent(partial(build, recipe, source, folder / file, extra_processes=extra_processes))
        late = late or peak()
    source, recent = stream(db, TrajectoryFilter()), peak()
    in_columns = spent(partial(build, recipe, source, folder / "alone.parquet", extra_processes=0))
    after = peak()
    if not filecmp.cmp(folder / "alone.jsonl", folder / "export.jsonl", shallow=False):
        raise SystemExit("One process and several gave different bytes.")
    rows, plain, fast = floors(folder / "alone.jsonl", folder)
    kilobytes = (folder / "alone.jsonl").stat().st_size / rows / 1000
    print(f"{format}: {rows} rows of {kilobytes:.1f} KB, microseconds a row; load {os.getloadavg()[0]:.1f}")
    for name, took in {"jsonlines": plain, "with orjson": fast, **costs}.items():
        each = f"{took.wall / rows * 1e6:.0f} on the wall, {took.busy / rows * 1e6:.0f} of processors"
        ratios = f"{plain.wall / took.wall:.2f} and {plain.busy / took.busy:.2f} of jsonlines"
        print(f"  {name:12} {each}: {ratios}")
    columns = columns_of(folder / "alone.jsonl"), pyarrow.parquet.read_schema(folder / "alone.parquet")
    floor = parquet_floor(folder / "alone.jsonl", *columns, folder)
    stored_too = spent(partial(parquet_from_stored, recipe, db, *columns, folder))
    for name, took in {"pyarrow": floor, "from stored": stored_too, "as Parquet": in_columns}.items():
        each = f"{took.wall / rows * 1e6:.0f} on the wall, {took.busy / rows * 1e6:.0f} of processors"
        ratios = f"{floor.busy / took.busy:.2f} of pyarrow, {stored_too.busy / took.busy:.2f} of pyarrow from stored"
        print(f"  {name:12} {each}: by processors {ratios}")
    print(
        f"  peak memory {early[0] if early else late} MB at 1,000, {late} MB at the end, {recent} MB before and "
        f"{after} MB after Parquet",
        flush=True,
    )


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", default=["chat_jsonl", "llamafactory", "trajectory"])
    chosen = parser.parse_args()
    spare_collector()  # as in the engine, where exports are built
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = open_database(f"sqlite:///{folder / 'rows.db'}")
        try:
            stored(db, chosen.rows)
            for format in chosen.formats:
                measure(format, db, folder)
        finally:
            db.close()


if __name__ == "__main__":
    main()
