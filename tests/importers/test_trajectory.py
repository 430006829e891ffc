"""Whole records: what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine import plugins
from engine.errors import InputError
from tests.exporters.mixed import NO_TOOL, exported, made


def record(**changes: Any) -> dict[str, Any]:
    return exported("trajectory", [made(0, NO_TOOL)])[0][0] | changes


def test_a_record_from_before_requests_had_places_and_people_had_a_say_is_read() -> None:
    importer = plugins.load("importers", "trajectory")
    older = record()
    assert (older.pop("begun"), older.pop("remarks")) == ([], [])
    (found,) = importer.make(importer.config()).trajectories([json.dumps(older).encode()], "all.jsonl")
    assert (found.begun, found.turns) == ((), NO_TOOL)


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
