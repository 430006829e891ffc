"""Whole records: what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine import plugins
from engine.errors import InputError
from engine.types import ABSENT, Change, Leaf, StateDiff
from tests.exporters.mixed import NO_TOOL, exported, made


def record(**changes: Any) -> dict[str, Any]:
    return exported("trajectory", [made(0, NO_TOOL)])[0][0] | changes


def test_a_record_from_before_requests_had_places_and_people_had_a_say_is_read() -> None:
    importer = plugins.load("importers", "trajectory")
    older = record()
    assert (older.pop("begun"), older.pop("remarks")) == ([], [])
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
    (row,) = exported("trajectory", [made(0, NO_TOOL, diff=diff)])[0]
    written = row["diff"]["changes"][0]["leaves"]
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
        (record(id="x", status="great"), "field status"),
        (record(id="x", turns=[{"role": "robot"}]), "field turns.0.role"),
        (record(id="x", more=1), "field more"),
        (record(), "stands in line 1 already"),
    ],
)
def test_a_refusal_names_line_and_field(second: dict[str, Any], told: str) -> None:
    importer = plugins.load("importers", "trajectory")
    lines = [json.dumps(row).encode() for row in (record(), second)]
    with pytest.raises(InputError) as refused:
        list(importer.make(importer.config()).trajectories(lines, "all.jsonl"))
    assert str(refused.value).startswith("all.jsonl, line 2")
    assert told in str(refused.value)
