"""Exports: recorded, and the trajectories that left are marked."""

from __future__ import annotations

from engine.types import ExportOutcome, Recipe, TrajectoryFilter
from storage.database import Database
from storage.exporting import exports
from storage.reviewing import trajectories
from storage.serving.store import SqlStore
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import queue_batch


def test_an_export_is_recorded_and_marks_what_left(db: Database) -> None:
    SqlStore(db).save(queue_batch(db), [order_trajectory(i) for i in range(5)])
    number = exports.create_export(db, Recipe(name="set"))
    assert exports.start_export(db, number).name == "set"
    assert exports.mark_exported(db, number, iter([1, 2, 2, 3, 99])) == 3
    assert exports.mark_exported(db, number, [1, 2, 3]) == 0
    exports.finish_export(db, number, ExportOutcome("1/set.zip", 9, "ab", 3, {"kept": 3}, trajectories=[3]))
    row = exports.list_exports(db)[0]
    assert (row.status, row.path, row.size, row.rows, row.report) == ("done", "1/set.zip", 9, 3, {"kept": 3})
    marked = [r.id for r in trajectories.page(db, TrajectoryFilter(), sort="oldest")[0] if r.exported]
    assert marked == [1, 2, 3]

    second = exports.create_export(db, Recipe())
    exports.mark_exported(db, second, [3])
    exports.delete_export(db, number)
    assert [r.id for r in trajectories.page(db, TrajectoryFilter())[0] if r.exported] == [3]
    assert exports.get_export(db, number) is None
