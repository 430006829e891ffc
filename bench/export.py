"""Export of many trajectories of 6 KB against jsonlines writing the same rows.

Prints, per format, what a row costs in CPU: reading its body (JSON to a checked trajectory, as from the database),
exporting it, and the floor: jsonlines writing the very same row, which is all a script without splits, ids, reviews
and a report would do. The ratio is floor / exporting. Peak memory is given at 1,000 trajectories and at the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import jsonlines

from bench.samples import trajectories
from engine import catalog
from engine.export import build
from engine.settings import CATALOG
from engine.types import Recipe, Review, Trajectory

CHUNK = 500


class Bodies:
    """Trajectories as a database hands them out; keeps apart the CPU time of making and of reading them."""

    def __init__(self, rows: int) -> None:
        self._domains = [catalog.load(CATALOG / "retail")]
        self._rows = rows
        self.making = self.reading = 0.0
        self.early_peak = 0

    def stream(self) -> Iterator[tuple[int, Trajectory, list[Review]]]:
        source = enumerate(trajectories(self._rows, self._domains))
        while True:
            started = time.process_time()
            bodies = [(n, t.model_dump_json()) for n, t in islice(source, CHUNK)]
            self.making += time.process_time() - started
            if not bodies:
                return
            for number, body in bodies:
                if number == 1000:
                    self.early_peak = peak()
                started = time.process_time()
                trajectory = Trajectory.model_validate_json(body)
                self.reading += time.process_time() - started
                yield number, trajectory, []


def peak() -> int:
    """Return the highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def floor(path: Path, scratch: Path) -> tuple[int, float]:
    """Return (rows, CPU seconds) of jsonlines writing the rows of a file again."""
    seconds, rows = 0.0, 0
    with path.open("rb") as data, jsonlines.open(scratch, "w") as writer:
        while lines := list(islice(data, CHUNK)):
            values = [json.loads(line) for line in lines]
            started = time.process_time()
            writer.write_all(values)
            seconds += time.process_time() - started
            rows += len(values)
    return rows, seconds


def measure(format: str, rows: int, folder: Path) -> None:
    """Export to one file and to a zip, then print what a row took."""
    recipe = Recipe(format=format, splits={"train": 1.0}, include_rejected=True)
    spent = {}
    for name in ("data.jsonl", "data.zip"):
        source = Bodies(rows)
        started = time.process_time()
        result = build(recipe, source.stream(), folder / name)
        spent[name] = time.process_time() - started - source.making - source.reading
    written, bare = floor(folder / "data.jsonl", folder / "floor.jsonl")
    kilobytes = (folder / "data.jsonl").stat().st_size / written / 1000
    reading, line, zipped, least = (
        seconds / written * 1e6 for seconds in (source.reading, spent["data.jsonl"], spent["data.zip"], bare)
    )
    print(f"{format:<13} {written} rows of {kilobytes:.1f} KB, microseconds of CPU a row:")
    print(f"{'':<13} reading {reading:.0f}, exporting {line:.0f}, as a zip {zipped:.0f}, floor {least:.0f}")
    ratios = f"{least / line:.2f}, as a zip {least / zipped:.2f}, reading included {least / (line + reading):.2f}"
    print(f"{'':<13} ratio {ratios}")
    print(f"{'':<13} peak memory {source.early_peak} MB at 1,000, {peak()} MB at {rows}; {result.size >> 20} MB zipped")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--formats", nargs="+", default=["chat_jsonl", "llamafactory", "trajectory"])
    chosen = parser.parse_args()
    for format in chosen.formats:
        with tempfile.TemporaryDirectory() as folder:
            measure(format, chosen.rows, Path(folder))


if __name__ == "__main__":
    main()
