"""The complete record: nothing is lost but clock and machine."""

from __future__ import annotations

from typing import Any

from engine import plugins
from engine.exporting.json import dump_bytes
from engine.types import Attachment, Execution, Trajectory
from tests.exporting.export_steps import exported, opened
from tests.samples.trajectories import mixed_trajectories, proven_trajectory, shop_trajectory
from tests.samples.turns import calling_turn, user_turn


def rows(trajectories: list[Trajectory], **options: Any) -> list[dict[str, Any]]:
    """Return the rows, opened; `written` gives them as they are written."""
    return [opened(row) for row in written(trajectories, **options)]


def written(trajectories: list[Trajectory], **options: Any) -> list[dict[str, Any]]:
    return exported("trajectory", trajectories, **options)[0]


def read(found: list[dict[str, Any]]) -> list[Trajectory]:
    importer = plugins.load("importers", "trajectory")
    return list(importer.make(importer.config()).trajectories([dump_bytes(row) for row in found], "data.jsonl"))


def timeless(trajectory: Trajectory) -> Trajectory:
    """Return the trajectory without clock and machine."""
    record = trajectory.model_dump()
    record["execution"] = Execution().model_dump()
    for call in record["calls"]:
        call["seconds"] = 0.0
    for turn in (record["proof"] or {}).get("turns", ()):
        for group in turn["calls"]:
            for entry in group:
                entry["result"]["seconds"] = None
    return Trajectory.model_validate(record)


def test_a_record_comes_back_whole() -> None:
    assert read(written(mixed_trajectories())) == [timeless(t) for t in mixed_trajectories()]
    task = rows([proven_trajectory()])[0]
    assert task["task"]["slots"] == {"id": "#W1"}
    assert task["proof"]["turns"][0]["calls"][0][0]["result"] == {"content": "3", "fault": None, "truncated": False}
    assert task["diff"]["changes"][0]["leaves"][0]["pointer"] == "/seen"
    assert task["group_id"] == "task-a"


def test_corrections_keep_what_they_replaced_and_broken_calls_their_text() -> None:
    found = rows(mixed_trajectories())
    assert found[5]["turns"][2]["original"]["content"] == "I guess so."
    assert found[6]["turns"][2]["tool_calls"][0]["raw"] == '{"id": "#W4"'


def test_machine_and_clock_leave_only_when_asked_for() -> None:
    slow = shop_trajectory(0, proven_trajectory().turns, execution=Execution(sandbox="docker", seconds=9.0))
    fast = shop_trajectory(0, proven_trajectory().turns, execution=Execution(sandbox="local", seconds=0.1))
    assert rows([slow]) == rows([fast])
    assert "execution" not in rows([slow])[0]
    assert rows([slow], include_execution=True)[0]["execution"]["sandbox"] == "docker"
    assert read(written([proven_trajectory()], include_execution=True)) == [proven_trajectory()]


def test_every_column_has_one_type_in_every_row() -> None:
    """A column whose first million values are null, empty or without fields must be the same in the next million."""
    bare = shop_trajectory(9, (), (), template=None, mode=None, models={}, scores=(), calls=(), seed=2**64 - 1)
    lost = shop_trajectory(10, (), culprit="agent", stage="state", reason="state_mismatch", tests_passed=False, seed=0)
    voted = shop_trajectory(
        11, mixed_trajectories()[0].turns, attachments=(Attachment(turn=5, kind="vote", value={"for": 2}),)
    )
    found = written([*mixed_trajectories(), bare, lost, voted])
    for column in found[0]:
        assert {type(row[column]) for row in found} == {float if column == "reward" else type(found[0][column])}
    assert {type(value) for row in found for value in row.values()} == {str, int, float}
    assert read(found)[-3:] == [timeless(bare), timeless(lost), timeless(voted)]


def test_numbers_that_no_column_holds_are_exact() -> None:
    turns = (user_turn("a"), calling_turn(("c", "get_order", {"id": 2**200, "value": -(2**63), "options": 1e-7})))
    (row,) = written([shop_trajectory(0, turns, seed=2**64 - 1)])
    assert row["seed"] == str(2**64 - 1)
    assert read([row]) == [timeless(shop_trajectory(0, turns, seed=2**64 - 1))]
