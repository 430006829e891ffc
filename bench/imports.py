"""Import of many chat rows of 6 KB, beside a bare floor in the same process.

    python -m bench.imports [--rows 20000]

Prints CPU microseconds per row, and Python's peak memory for a tenth of the rows and for all:

    floor     json.loads of each line, then executemany of the line as one text into a table of its own, 200 at a time
    import    ours as in the product: checks, report, trajectories, all tables, the search index, the facets

A ratio is floor / ours: the floor checks nothing and writes one row where ours writes about ten.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from bench.samples import trajectories
from engine.domains import catalog
from engine.exporters.chat_jsonl import ChatJsonl, Config
from engine.exporting.json import dump_bytes
from engine.exporting.record import record_of
from engine.importing.read import importer_of, read
from engine.importing.report import Report
from engine.settings import CATALOG
from storage.database import open_database
from storage.intake import imports


def written(path: Path, rows: int) -> Path:
    """Write `rows` rows of our own chat format to a file; return its path."""
    exporter = ChatJsonl(Config())
    source = trajectories(rows * 3, [catalog.load(CATALOG / "retail")])
    made = (row for one in source for row in exporter.convert(record_of(one)).rows)
    with path.open("wb") as out:
        out.writelines(dump_bytes(row) + b"\n" for row in islice(made, rows))
    return path


def floor(file: Path, folder: Path) -> None:
    """Read and store a file's rows as plainly as Python can."""
    connection = sqlite3.connect(folder / f"floor{time.monotonic_ns()}.db")
    connection.execute("CREATE TABLE rows (id TEXT, body TEXT)")
    with file.open("rb") as source:
        while lines := list(islice(source, imports.CHUNK)):
            with connection:
                rows = [(json.loads(line)["id"], line.decode()) for line in lines]
                connection.executemany("INSERT INTO rows VALUES (?, ?)", rows)
    connection.close()


def ours(file: Path, folder: Path) -> None:
    """Import a file into a database of its own."""
    db = open_database(f"sqlite:///{folder / f'ours{time.monotonic_ns()}.db'}")
    try:
        report = Report()
        with file.open("rb") as source:
            found = read(importer_of("chat_jsonl", {}), source, file.name, report)
            imports.insert(db, file.stem, found, report.as_dict)
    finally:
        db.close()


def seconds(work: Callable[[Path, Path], None], file: Path, folder: Path) -> float:
    """Return the CPU seconds that some work took, which a busy machine changes little."""
    began = time.process_time()
    work(file, folder)
    return time.process_time() - began


def held(file: Path, folder: Path) -> float:
    """Return Python's peak memory during an import of the file, in MB."""
    tracemalloc.start()
    ours(file, folder)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / (1 << 20)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = written(folder / "few.jsonl", max(rows // 10, 1)), written(folder / "many.jsonl", rows)
        seconds(ours, few, folder)  # so that imports and caches count for neither
        bare, whole = seconds(floor, many, folder), seconds(ours, many, folder)
        print(f"{rows} rows of {many.stat().st_size / rows / 1000:.1f} KB, microseconds of the processor a row")
        print(f"  floor   {bare / rows * 1e6:.0f}")
        print(f"  import  {whole / rows * 1e6:.0f}: {bare / whole:.2f} of the floor")
        print(f"  memory  {held(few, folder):.1f} MB at {rows // 10}, {held(many, folder):.1f} MB at {rows}")


if __name__ == "__main__":
    main()
