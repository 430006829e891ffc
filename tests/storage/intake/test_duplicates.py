"""Importing: the same file twice makes no doubles, a batch that ran twice comes in whole, orders stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import plugins
from engine.errors import InputError
from engine.exporting.build import build
from engine.types import Recipe, Trajectory, TrajectoryFilter
from storage.database import Database
from storage.generating import batches
from storage.intake.imports import ImportResult, insert_new
from storage.reviewing import trajectories
from storage.reviewing.trajectories import stream
from tests.samples.trajectories import mixed_trajectories, shop_trajectory
from tests.samples.turns import NO_TOOL, PARALLEL
from tests.storage.stored_samples import insert_imported


def left(db: Database, folder: Path, *, format: str = "trajectory", batch: int | None = None) -> Path:
    """Return the bare file of an export of everything, or of one batch."""
    wanted = TrajectoryFilter(batches=(batch,) if batch else ())
    recipe = Recipe(format=format, filter=wanted, splits={"train": 1.0}, include_rejected=True)
    return build(recipe, stream(db, wanted), folder / f"{format}-{batch}.jsonl").path


def read(file: Path, format: str = "trajectory") -> list[Trajectory]:
    importer = plugins.load("importers", format)
    with file.open("rb") as lines:
        return list(importer.make(importer.config()).trajectories(lines, file.name))


def total(db: Database) -> int:
    return trajectories.count(db, TrajectoryFilter())


def test_two_runs_of_one_batch_come_back_in_their_order_and_only_once(db: Database, tmp_path: Path) -> None:
    for name in ("first", "second"):
        insert_imported(db, name, mixed_trajectories())
    insert_imported(db, "other", [shop_trajectory(0, NO_TOOL, id="other0"), shop_trajectory(1, PARALLEL, id="other1")])
    file = left(db, tmp_path)
    before = file.read_bytes()
    for batch in (1, 2, 3):
        batches.delete_batch(db, batch)
    assert insert_new(db, "back", read(file), dict) == ImportResult(4, 2 * len(mixed_trajectories()) + 2, {})
    assert left(db, tmp_path, batch=4).read_bytes() == before
    again = insert_new(db, "back", read(file), dict)
    assert again == ImportResult(None, 0, {4: 2 * len(mixed_trajectories()) + 2})
    assert total(db) == 2 * len(mixed_trajectories()) + 2
    assert [row.name for row in batches.list_batches(db)] == ["back"]


def test_the_export_of_a_batch_comes_back_beside_it_and_not_a_second_time(db: Database, tmp_path: Path) -> None:
    """What was rolled out here is no import: whoever reads it back wants it back."""
    insert_imported(db, "here", mixed_trajectories())
    file = left(db, tmp_path)
    assert insert_new(db, "back", read(file), dict).rows == len(mixed_trajectories())
    assert left(db, tmp_path, batch=2).read_bytes() == file.read_bytes()
    assert insert_new(db, "back", read(file), dict).repeated == {2: len(mixed_trajectories())}


def test_only_what_is_new_in_a_longer_file_is_stored(db: Database, tmp_path: Path) -> None:
    insert_new(db, "some", mixed_trajectories()[:3], dict)
    changed = mixed_trajectories()[1].model_copy(update={"reward": 0.5})
    done = insert_new(db, "more", [mixed_trajectories()[0], changed, *mixed_trajectories()[2:]], dict)
    assert done == ImportResult(2, len(mixed_trajectories()) - 2, {1: 2})
    assert total(db) == 3 + len(mixed_trajectories()) - 2
    file = left(db, tmp_path, batch=2)
    assert [t.id for t in read(file)] == [t.id for t in [mixed_trajectories()[1], *mixed_trajectories()[3:]]]


def test_true_is_no_double_of_1(db: Database) -> None:
    def saying(value: object) -> Trajectory:
        call = {"id": "c", "name": "book", "arguments": {"late": value}}
        turns = [{"role": "user", "content": "Book."}, {"role": "assistant", "tool_calls": [call]}]
        return Trajectory.model_validate({**mixed_trajectories()[0].model_dump(), "turns": turns, "begun": ()})

    insert_new(db, "in", [saying(1)], dict)
    assert insert_new(db, "same", [saying(1.0)], dict).repeated == {1: 1}
    assert insert_new(db, "other", [saying(True)], dict).rows == 1


def test_a_deleted_import_can_be_imported_again(db: Database) -> None:
    first = insert_new(db, "in", mixed_trajectories(), dict)
    assert first.batch is not None
    batches.delete_batch(db, first.batch)
    assert insert_new(db, "in", mixed_trajectories(), dict).rows == len(mixed_trajectories())


@pytest.mark.parametrize("format", ["chat_jsonl", "llamafactory"])
def test_files_for_trainers_make_no_doubles_either(db: Database, tmp_path: Path, format: str) -> None:
    insert_imported(db, "in", mixed_trajectories())
    file = left(db, tmp_path, format=format)
    first = insert_new(db, "back", read(file, format), dict)
    assert first.rows > 0
    assert insert_new(db, "back", read(file, format), dict) == ImportResult(None, 0, {first.batch: first.rows})


def test_more_than_one_question_to_the_database_is_asked(db: Database) -> None:
    many = [shop_trajectory(n, NO_TOOL) for n in range(1_200)]
    assert insert_new(db, "in", many, dict).rows == 1_200
    assert insert_new(db, "in", many, dict).repeated == {1: 1_200}


def test_an_empty_file_is_refused(db: Database) -> None:
    with pytest.raises(InputError, match="holds no trajectory"):
        insert_new(db, "in", [], dict)
