"""The columns of a trajectory's row have one list of names, which no other file repeats."""

from __future__ import annotations

from sqlalchemy import select

from engine.types import TrajectoryFilter
from storage import columns, tables
from storage.database import Database
from storage.intake.rows import rows_of
from storage.serving.store import SqlStore
from tests.samples.models import model_call
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import queue_batch

_t = tables.trajectory.columns
BESIDE_COLUMNS = {
    "stages",
    "reached",
    "exported",
    "tools",
    "tags",
    "score",
    "score_min",
    "score_max",
    "text",
    "subsets",
}
"""Fields of TrajectoryFilter that ask for more than one column, or for another table."""


def test_a_row_has_a_value_for_each_column_of_the_table() -> None:
    assert rows_of(1, 2, order_trajectory(0), 3.0).facts.keys() == {column.name for column in _t}


def test_what_is_stored_is_what_the_mapping_says(db: Database) -> None:
    number = queue_batch(db, 3)
    given = [
        order_trajectory(0, calls=(model_call(), model_call(cost=None)), models={"teacher": "m-1"}),
        order_trajectory(
            1, status="rejected", stage="state", reason="wrong_state", culprit="agent", reward=None, mode=None
        ),
        order_trajectory(2, turns=(), template=None),
    ]
    SqlStore(db).save(number, given)
    with db.read() as session:
        stored = [dict(row._mapping) for row in session.execute(select(*_t).order_by(_t.id))]
    wanted = [rows_of(row["id"], number, t, row["created_at"]).facts for row, t in zip(stored, given, strict=True)]
    assert stored == wanted
    assert [row["model"] for row in stored] == ["m-1", "reference", "reference"]
    assert [row["cost_usd"] for row in stored] == [0.5, 0.0, 0.0]


def test_every_field_of_the_filter_is_a_choice_a_bound_or_named_here() -> None:
    bounds = {f"{end}_{name}" for name in columns.RANGES for end in ("min", "max")}
    assert set(TrajectoryFilter.model_fields) == {*columns.CHOICES, *bounds, *BESIDE_COLUMNS}
    assert {*columns.CHOICES.values(), *columns.RANGES} <= {column.name for column in _t}
