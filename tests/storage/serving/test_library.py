"""What the engine asks of storage besides batches: packs, trajectories and exports."""

from __future__ import annotations

import pytest

from engine.domains import catalog
from engine.errors import InputError
from engine.types import ExportOutcome, Recipe
from storage.database import Database
from storage.exporting import exports
from storage.reviewing import trajectories
from storage.serving import library
from storage.serving.store import SqlStore
from tests.samples.packs import LEDGER, ledger_files
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import queue_batch


def test_the_library_speaks_for_the_engine(db: Database) -> None:
    SqlStore(db).save(queue_batch(db), [order_trajectory(0, domain_digest=catalog.load(LEDGER).digest)])
    shelf = library.SqlLibrary(db)
    assert shelf.domain_files("ledger", None) == ledger_files()
    found, files = shelf.trajectory(1)
    assert (found.id, files) == ("rollout-0", ledger_files())
    with pytest.raises(InputError, match="no trajectory 7"):
        shelf.trajectory(7)
    with pytest.raises(InputError, match="no export 7"):
        shelf.export(7)
    number = exports.create_export(db, Recipe())
    _, rows = shelf.export(number)
    assert [n for n, _, _ in rows] == [1]
    shelf.finish_export(number, ExportOutcome("x", 1, "ab", 1, {}, trajectories=[1]))
    row = exports.get_export(db, number)
    assert row is not None
    assert (row.status, trajectories.row(db, 1).exported) == ("done", True)
    shelf.fail_export(number, "The disk is full.")
    row = exports.get_export(db, number)
    assert row is not None
    assert (row.status, row.error, row.path, row.rows, row.report) == ("failed", "The disk is full.", None, None, {})
    with pytest.raises(InputError, match="no export 7"):
        shelf.finish_export(7, ExportOutcome("x", 1, "ab", 1, {}))
    with pytest.raises(InputError, match="no export 7"):
        shelf.fail_export(7, "No.")
