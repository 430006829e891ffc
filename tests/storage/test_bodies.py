"""A body read for an export equals the same body checked in full."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from bench.samples import MODELS, trajectories
from engine import catalog
from engine.settings import CATALOG
from engine.types import Review, Trajectory, Turn
from storage.bodies import Bodies
from storage.intake import dump
from tests.exporters.mixed import hostile, mixed


def body(**changes: Any) -> str:
    return json.dumps(json.loads(dump(mixed()[0])) | changes)


def assert_equal(text: str) -> None:
    read, checked = Bodies().read(text), Trajectory.model_validate_json(text)
    assert read == checked
    assert repr(read) == repr(checked)
    assert read.model_dump_json() == checked.model_dump_json()
    assert read.model_fields_set == checked.model_fields_set


def test_what_was_stored_reads_like_the_checked_value() -> None:
    domain = catalog.load(CATALOG / "retail")
    for trajectory in (*mixed(), *hostile(), *trajectories(60, [domain], model=MODELS[0])):
        assert_equal(dump(trajectory))


def test_a_corrected_turn_keeps_what_it_replaced() -> None:
    first = mixed()[0]
    turn = first.turns[-1].model_copy(update={"original": Turn(role="assistant", content="before")})
    assert_equal(dump(first.model_copy(update={"turns": (*first.turns[:-1], turn)})))


@pytest.mark.parametrize(
    "changes",
    [
        {"reward": 1},
        {"seed": 2**70},
        {"imported": {"more": {"big": 2**64, "negative": -(2**80), "float": 1e300}}},
        {"scores": [{"name": "a", "value": 1, "reason": "", "source": "x", "method": "rule"}]},
        {"turns": [{"role": "user", "content": "written by an older version"}]},
        {"tools": [{"name": "a", "description": "", "parameters": {"a": 1, "b": True}, "effect": "read"}]},
    ],
)
def test_other_shapes_are_checked_in_full(changes: dict[str, Any]) -> None:
    assert_equal(body(**changes))


def test_a_body_that_is_no_trajectory_is_refused() -> None:
    with pytest.raises(ValidationError):
        Bodies().read(body(unknown=1))
    with pytest.raises(ValidationError):
        Bodies().read(body(calls=[{"role": "nobody"}]))


def test_tools_written_alike_are_one_object_and_key_order_counts() -> None:
    tool = {"name": "a", "description": "", "effect": "read", "source": "python", "distractor": False}
    one, other = ({**tool, "parameters": p} for p in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    bodies = Bodies()
    first, same, swapped = (bodies.read(body(tools=[t])).tools[0] for t in (one, one, other))
    assert first is same
    assert list(swapped.parameters) == ["b", "a"]


def test_a_trajectory_that_was_read_can_be_copied() -> None:
    read = Bodies().read(body())
    assert read.model_copy(update={"seed": 5}) == Trajectory.model_validate_json(body(seed=5))
    assert Bodies().read(body(seed=5)).model_copy(deep=True).seed == 5
    assert Review(trajectory=1, fix=read.turns[-1]).fix == read.turns[-1]
