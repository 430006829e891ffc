"""The trajectory importer: which whole records it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine import plugins
from engine.errors import InputError
from engine.exporting.json import dump_bytes
from engine.types import ABSENT, Change, Leaf, StateDiff, Trajectory
from tests.exporting.export_steps import exported
from tests.importers.reading import imported
from tests.samples.trajectories import mixed_trajectories, proven_trajectory, shop_trajectory
from tests.samples.turns import NO_TOOL


def record(**changes: Any) -> dict[str, Any]:
    return exported("trajectory", [shop_trajectory(0, NO_TOOL)])[0][0] | changes


def test_a_record_from_before_requests_had_places_and_people_had_a_say_is_read() -> None:
    importer = plugins.load("importers", "trajectory")
    older = record()
    assert (older.pop("begun"), older.pop("remarks")) == ("[]", "[]")
    (found,) = importer.make(importer.config()).trajectories([json.dumps(older).encode()], "all.jsonl")
    assert (found.begun, found.turns) == ((), NO_TOOL)


def test_what_is_null_absent_or_large_in_a_state_comes_back_as_it_was() -> None:
    leaves = (
        Leaf(pointer="/gone", before=1),
        Leaf(pointer="/emptied", before=1, nulls=("after",)),
        Leaf(pointer="/filled", after=10**30, nulls=("before",)),
        Leaf(pointer="/flag", before=True, after=1),
    )
    diff = StateDiff(changes=(Change(path="a.json", kind="modified", format="json", leaves=leaves),))
    (row,) = exported("trajectory", [shop_trajectory(0, NO_TOOL, diff=diff)])[0]
    written = json.loads(row["diff"])["changes"][0]["leaves"]
    assert ["nulls" in leaf for leaf in written] == [False, True, True, False]
    importer = plugins.load("importers", "trajectory")
    (found,) = importer.make(importer.config()).trajectories([json.dumps(row).encode()], "all.jsonl")
    assert found.diff == diff
    assert [type(leaf.after) for leaf in found.diff.changes[0].leaves] == [type(None), type(None), int, int]
    assert [leaf.became for leaf in found.diff.changes[0].leaves] == [ABSENT, None, 10**30, 1]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (record(schema="other/2"), "field schema: is 'other/2'"),
        (record(status="great"), "field status"),
        (record(turns='[{"role": "robot"}]'), "field turns.1.role"),
        (record(turns=[{"role": "robot"}]), "field turns: is not the text"),
        (record(turns="[nonsense"), "field turns: holds no JSON"),
        (
            record(turns='[{"role": "user", "content": "\\ud83d"}]'),
            "field turns: holds no JSON: it holds half a surrogate pair",
        ),
        (record(seed=7), "field seed: is not the text"),
        (record(more=1), "field more"),
    ],
)
def test_a_refusal_names_line_and_field(second: dict[str, Any], told: str) -> None:
    importer = plugins.load("importers", "trajectory")
    lines = [json.dumps(row).encode() for row in (record(), second)]
    with pytest.raises(InputError) as refused:
        list(importer.make(importer.config()).trajectories(lines, "all.jsonl"))
    assert str(refused.value).startswith("all.jsonl, line 2")
    assert told in str(refused.value)


def read(lines: list[bytes]) -> list[Trajectory]:
    importer = plugins.load("importers", "trajectory")
    return list(importer.make(importer.config()).trajectories(lines, "all.jsonl"))


def written(trajectories: list[Trajectory], name: str = "trajectory") -> list[bytes]:
    return [dump_bytes(row) for row in exported(name, trajectories)[0]]


def test_a_batch_that_ran_twice_comes_in_whole_and_leaves_as_it_was() -> None:
    once = written(mixed_trajectories())
    back = read([*once, *once, *once])
    assert [t.turns for t in back] == [t.turns for t in mixed_trajectories()] * 3
    assert len({t.id for t in back}) == len(back)
    assert [t.index for t in back] == sorted({t.index for t in back})
    assert written(back) == [*once, *once, *once]
    assert read(written(back)) == back


def test_batches_in_one_file_keep_their_order_and_their_indexes() -> None:
    """Storage sorts by index; the second batch's begin at 0 again."""
    second = [t.model_copy(update={"id": f"other{t.id}", "batch_fingerprint": "second"}) for t in mixed_trajectories()]
    data = written([*mixed_trajectories()[4:], *second, *mixed_trajectories()[:4]])
    back = read(data)
    assert [t.index for t in back] == sorted({t.index for t in back})
    assert written(back) == data
    assert written(back[:4]) == written(mixed_trajectories()[4:])


@pytest.mark.parametrize("index", [2**62, 2**63 - 1, 2**63, 10**30])
def test_an_index_that_no_database_holds_is_replaced_and_leaves_as_it_was(index: int) -> None:
    given = [3, index, 4, index]
    back = read([dump_bytes(record(id=f"r{n}", index=number)) for n, number in enumerate(given)])
    assert [t.index for t in back] == [3, 4, 5, 6]
    again = [json.loads(line) for line in written(back)]
    assert [(row["id"], row["index"]) for row in again] == [(f"r{n}", number) for n, number in enumerate(given)]


@pytest.mark.parametrize(
    "tokens",
    [{"prompt_tokens": 2**63}, {"prompt_tokens": 2**62, "completion_tokens": 2**62}, {"prompt_tokens": -(2**70)}],
)
def test_a_record_with_more_tokens_than_a_batch_can_count_is_set_aside(tokens: dict[str, int]) -> None:
    call = {"role": "teacher", "model": "m"}
    rows = [record(calls=json.dumps([call | some])) for some in ({"prompt_tokens": 5}, tokens, {})]
    found, told = imported(*rows, format="trajectory")
    assert len(found) == 2
    assert [one["line"] for one in told["reasons"]] == [2]
    assert "line 2, field calls: counts more than 1099511627776 tokens" in told["reasons"][0]["reason"]


def test_a_chat_row_of_a_record_that_was_moved_names_the_rollout_that_it_was() -> None:
    twice = read(written([proven_trajectory(), shop_trajectory(0, NO_TOOL)]) * 2)
    assert written(twice[2:], "chat_jsonl") == written(twice[:2], "chat_jsonl")
    assert written(twice[:2], "chat_jsonl") == written([proven_trajectory(), shop_trajectory(0, NO_TOOL)], "chat_jsonl")


def test_a_place_that_a_file_claims_for_itself_counts_for_nothing() -> None:
    (found,) = read([json.dumps(record(imported='{"before_import": "nonsense", "group_id": "g"}')).encode()])
    assert found.imported == {"group_id": "g"}
    assert len(written([found])) == 1
