"""A real disk that fills up under a working engine: the batch pauses with the reason, nothing stored is lost, and with
more space it is resumed to its end. An export that finds no room fails with the next move and is built later."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.settings import PERSONAS
from engine.types import Domain, Recipe, TrajectoryFilter
from storage.database import Database, open_database
from storage.designing import domains, personas
from storage.exporting import exports
from storage.generating import batches
from storage.serving import requests
from tests.engines import until
from tests.needs import missing
from tests.serving.test_killed import finish, ids, launch, there, working

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
PLANNED = 1500


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB in memory."""
    place = tmp_path / "home"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        missing(f"NO MOUNT: a small disk needs root: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def resized(place: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


def stands_still(db: Database, batch: int) -> bool:
    """Return whether trajectories were saved, and none in the last two seconds."""
    before = there(db, batch)
    time.sleep(2)
    return 0 < before == there(db, batch)


def test_a_batch_and_an_export_on_a_full_disk(small_disk: Path, ledger: Domain) -> None:
    db = open_database(f"sqlite:///{small_disk / 'turnwright.db'}")
    domains.save_domain(db, ledger.files, based_on=None)
    personas.seed_personas(db, PERSONAS)
    batch = launch(db, ledger, "local", PLANNED)
    with working(small_disk, "local") as process:
        until(lambda: stands_still(db, batch), 120)
        resized(small_disk, "5m")  # a disk without one free page cannot hold the word "paused" either
        until(lambda: batches.get_batch(db, batch).status == "paused", 60)
        row = batches.get_batch(db, batch)
        assert "The disk that holds the database is full" in row.reason
        assert "resume" in row.reason
        stored = ids(db, batch)
        assert 0 < len(stored) < PLANNED
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    resized(small_disk, "200m")
    assert ids(db, batch) == stored
    batches.command(db, batch, "resume")
    finish(db, small_disk, "local", batch)
    assert stored < ids(db, batch)
    assert len(ids(db, batch)) == PLANNED

    rest = os.statvfs(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(rest.f_bavail * rest.f_frsize - 300_000))
    recipe = Recipe(name="all", filter=TrajectoryFilter(batches=(batch,)), splits={"train": 1.0})
    failed = exports.create_export(db, recipe)
    with working(small_disk, "local"):
        requests.submit(db, "build_export", {"export_id": failed})
        until(lambda: exports.list_exports(db)[0].status in ("done", "failed"), 60)
        found = exports.get_export(db, failed)
        assert found is not None
        assert (found.status, found.path) == ("failed", None)
        assert "space" in str(found.error).lower() or "full" in str(found.error).lower()
        assert not list((small_disk / "exports").rglob("*.zip"))
        filler.unlink()
        built = exports.create_export(db, recipe)
        requests.submit(db, "build_export", {"export_id": built})
        until(lambda: exports.list_exports(db)[0].status in ("done", "failed"), 60)
    found = exports.get_export(db, built)
    assert found is not None
    assert found.status == "done", found.error
    db.close()
