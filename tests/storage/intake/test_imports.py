"""Imports stream in constant memory, and one that dies half-way leaves a batch marked incomplete."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.exporting.json import dump_bytes
from engine.importing.read import importer_of, read
from engine.importing.report import Report
from engine.protocols import Store
from engine.types import Trajectory
from storage.database import Database
from storage.generating import batches
from storage.intake import imports
from storage.reviewing.trajectories import count, stream
from storage.serving.store import SqlStore
from tests.engines import ROOT, surroundings
from tests.exporting.export_steps import exported
from tests.samples.trajectories import order_trajectory

FILLER = "Plenty of words for one answer. " * 40


def line(number: int) -> bytes:
    tools = [{"name": "f", "description": f"Tool {number % 7}.", "parameters": {"type": "object", "properties": {}}}]
    said = [
        {"role": "user", "content": f"Question {number}? {FILLER}"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": FILLER},
        {"role": "assistant", "content": f"Answer {number}.", "weight": number % 2},
    ]
    return json.dumps({"messages": said, "tools": tools, "source": "web"}).encode() + b"\n"


def test_numbers_that_no_database_holds_cost_no_other_record(db: Database) -> None:
    row = exported("trajectory", [order_trajectory(0)])[0][0]
    call = {"role": "teacher", "model": "m", "prompt_tokens": 2**63}
    rows = [row, row | {"id": "a", "index": 10**30}, row | {"id": "b", "calls": json.dumps([call])}, row | {"id": "c"}]
    report = Report()
    source = io.BytesIO(b"".join(dump_bytes(one) + b"\n" for one in rows))
    done = imports.insert(db, "f", read(importer_of("trajectory", {}), source, "f", report), report.as_dict)
    assert (done.rows, report.set_aside) == (3, 1)


def written(path: Path, rows: int) -> Path:
    with path.open("wb") as out:
        out.writelines(map(line, range(rows)))
    return path


def take_in(db: Database, path: Path) -> tuple[imports.Imported, Report]:
    report = Report()
    with path.open("rb") as source:
        found = read(importer_of("chat_jsonl", {}), source, path.name, report)
        return imports.insert(db, path.stem, found, report.as_dict), report


def test_memory_is_flat(db: Database, tmp_path: Path) -> None:
    take_in(db, written(tmp_path / "warm.jsonl", 10))
    peaks = {}
    for rows in (500, 3_000):
        file = written(tmp_path / f"{rows}.jsonl", rows)
        tracemalloc.start()
        found, _ = take_in(db, file)
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.rows == rows
    assert peaks[3_000] < peaks[500] * 1.3 + (1 << 20), peaks
    assert peaks[3_000] < 12 << 20, "some hundreds are held, not the file"


def test_the_report_is_kept_with_the_batch(db: Database, tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", 5)
    file.write_bytes(file.read_bytes() + b"{broken\n")
    found, report = take_in(db, file)
    row = batches.get_batch(db, found.batch)
    assert (row.status, row.reason, row.imported) == ("done", "Imported from a file.", True)
    assert row.progress.planned == row.progress.kept == found.rows == 5
    assert row.import_report == report.as_dict()
    assert row.import_report["set_aside"] == 1
    assert row.import_report["lost"] == {"source": 5}
    assert row.batch.trajectories == 5


def test_counts_of_several_chunks_add_up(db: Database) -> None:
    many = [order_trajectory(n) for n in range(imports.CHUNK * 2 + 3)]
    found = imports.insert(db, "many", iter([*many, many[0]]))
    assert (found.rows, found.repeated) == (len(many), 1)
    row = batches.get_batch(db, found.batch)
    assert row.progress.planned == len(many)
    assert row.progress.waiting == 0
    assert sum(share.weight for share in row.batch.domains) == len(many)
    assert row.import_report is None
    assert len(list(stream(db, batches_filter(found.batch)))) == len(many)


def batches_filter(number: int) -> Any:
    from engine.types import TrajectoryFilter

    return TrajectoryFilter(batches=(number,))


def test_what_fails_half_way_is_marked_and_taken_up_by_nobody(db: Database) -> None:
    def breaks() -> Iterator[Trajectory]:
        yield from (order_trajectory(n) for n in range(imports.CHUNK + 10))
        raise InputError("file", "went away.")

    with pytest.raises(InputError, match="went away"):
        imports.insert(db, "half", breaks())
    (row,) = batches.list_batches(db)
    assert (row.status, row.reason) == ("failed", imports.INCOMPLETE)
    assert row.progress.planned == row.progress.kept == imports.CHUNK, "whole chunks only, with their counts"
    for what in ("resume", "pause", "cancel"):
        with pytest.raises(InputError, match="import the file again"):
            batches.command(db, row.id, what)
    store: Store = SqlStore(db)
    assert store.claim("engine", time.time(), 15.0) is None
    batches.delete_batch(db, row.id)
    assert count(db, batches_filter(row.id)) == 0


def test_a_file_that_cannot_be_read_leaves_nothing(db: Database, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b"nonsense\n" * 3)
    with pytest.raises(InputError, match="line 1"):
        take_in(db, tmp_path / "bad.jsonl")
    assert batches.list_batches(db) == []


@pytest.mark.slow
def test_a_killed_import_leaves_a_batch_that_says_so(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", 20_000)
    environment = surroundings(tmp_path, address=f"sqlite:///{tmp_path / 'killed.db'}")
    command = [sys.executable, "-m", "engine", "import", str(file)]
    from storage.database import open_database

    db = open_database(environment["DATABASE_URL"])
    try:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (rows := batches.list_batches(db)) or not rows[0].progress.kept:
            assert child.poll() is None, "it was over too soon"
            assert time.monotonic() < deadline, "it never began"
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        (row,) = batches.list_batches(db)
        assert (row.status, row.reason) == ("failed", imports.INCOMPLETE)
        assert 0 < row.progress.kept == row.progress.planned < 20_000
        assert count(db, batches_filter(row.id)) == row.progress.kept
        batches.delete_batch(db, row.id)
        assert count(db, batches_filter(row.id)) == 0
    finally:
        db.close()
