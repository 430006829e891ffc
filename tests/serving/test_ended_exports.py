"""An engine that ends while it builds an export: no half file is offered, and the next engine builds it whole."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

import pytest

from engine.types import Recipe, Trajectory, TrajectoryFilter
from storage.database import open_database
from storage.exporting import exports
from storage.serving import requests
from tests.engines import until
from tests.samples.trajectories import refund_trajectory
from tests.serving.test_killed import working
from tests.storage.stored_samples import insert_imported

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
ROWS = 20_000


def different(number: int) -> Trajectory:
    """Return one of many dialogues of which no two are equal, as equal rows leave once."""
    found = refund_trajectory(number, rounds=2)
    last = found.turns[-1].model_copy(update={"content": f"That was number {number}."})
    return found.model_copy(update={"turns": (*found.turns[:-1], last)})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_export_is_whole_or_not_there(tmp_path: Path, number: int) -> None:
    db = open_database(f"sqlite:///{tmp_path / 'turnwright.db'}")
    batch = insert_imported(db, "many", map(different, range(ROWS)))
    recipe = Recipe(name="many", filter=TrajectoryFilter(batches=(batch,)), splits={"train": 1.0})
    one, folder = exports.create_export(db, recipe), tmp_path / "exports"
    requests.submit(db, "build_export", {"export_id": one})

    def row() -> exports.ExportRow:
        found = exports.get_export(db, one)
        assert found is not None
        return found

    def being_written() -> bool:
        return any(folder.rglob(".building-*"))

    with working(tmp_path, "local") as process:
        until(being_written, 60)
        process.send_signal(number)
        process.wait(60)
    if number == signal.SIGKILL:
        assert row().status == "running", "the engine ended before the export was complete"
        assert not list(folder.rglob("*.zip"))
        with working(tmp_path, "local"):
            until(lambda: row().status in ("done", "failed"), 120)
    done = row()  # an engine that is asked to stop finishes the export first
    assert (done.status, done.rows) == ("done", ROWS), done.error
    assert done.path is not None
    assert hashlib.sha256((folder / done.path).read_bytes()).hexdigest() == done.sha256
    assert [path.name for path in (folder / str(one)).iterdir()] == [Path(done.path).name], "nothing is left beside it"
    db.close()
