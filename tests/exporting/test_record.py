"""A record read fast from a stored body equals the record of the fully validated Trajectory."""

from __future__ import annotations

import json
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel, ValidationError

from bench.samples import MODELS, trajectories
from engine.domains import catalog
from engine.exporting.json import dump_bytes
from engine.exporting.record import read, record_of, tool_of
from engine.settings import CATALOG
from engine.types import (
    Attachment,
    Change,
    Leaf,
    Proof,
    ProvenCall,
    ProvenTurn,
    Record,
    Remark,
    Score,
    StateDiff,
    Task,
    Tool,
    ToolCall,
    Trajectory,
    Turn,
    records,
)
from storage.intake.rows import dump
from tests.samples.trajectories import hostile_trajectories, mixed_trajectories, proven_trajectory


def body(**changes: Any) -> str:
    return json.dumps(json.loads(dump(mixed_trajectories()[0])) | changes)


def assert_equal(data: str) -> None:
    checked = Trajectory.model_validate_json(data)
    told = dump_bytes(checked.model_dump(mode="json"))  # also key order, and 1 beside 1.0
    assert dump_bytes(read(data.encode())) == dump_bytes(record_of(checked)) == told


def test_what_was_stored_reads_like_the_checked_value() -> None:
    domain = catalog.load(CATALOG / "retail")
    for trajectory in (*mixed_trajectories(), *hostile_trajectories(), *trajectories(60, [domain], model=MODELS[0])):
        assert_equal(dump(trajectory))


def test_a_corrected_turn_keeps_what_it_replaced() -> None:
    first = mixed_trajectories()[0]
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
        {"turns": [{"role": "user", "content": "a", "original": {"role": "user", "content": "b"}}]},
        {"tools": [{"name": "a", "description": "", "parameters": {"a": 1, "b": True}, "effect": "read"}]},
        {"calls": [{"role": "teacher", "model": "m"}]},
        {"execution": {"seconds": 3}},
        {"diff": {"changes": [{"path": "a", "kind": "added", "format": "json", "leaves": [{"pointer": "/a"}]}]}},
        {
            "diff": {
                "changes": [
                    {"path": "a", "kind": "added", "format": "json", "leaves": [{"pointer": "/a", "nulls": ["after"]}]}
                ]
            }
        },
    ],
)
def test_other_shapes_read_like_the_checked_value(changes: dict[str, Any]) -> None:
    assert_equal(body(**changes))


def test_whole_numbers_become_floats_deep_inside() -> None:
    whole = json.loads(dump(proven_trajectory()))
    whole["task"]["difficulty"] = 1
    whole["execution"]["started_at"] = 5
    whole["proof"]["turns"][0]["calls"][0][0]["result"]["seconds"] = 2
    assert_equal(json.dumps(whole))


def test_an_older_shape_deep_inside_a_proof_is_found() -> None:
    whole = json.loads(dump(proven_trajectory()))
    del whole["proof"]["turns"][0]["calls"][0][0]["result"]["truncated"]
    assert_equal(json.dumps(whole))


def test_a_null_in_a_state_stands_as_it_was_written() -> None:
    leaves = (Leaf(pointer="/a", before=1, nulls=("after",)), Leaf(pointer="/b", before=1, after=2**70))
    change = Change(path="a.json", kind="modified", format="json", leaves=leaves)
    data = dump(proven_trajectory().model_copy(update={"diff": StateDiff(changes=(change,))}))
    assert data.count('"nulls"') == 1
    assert_equal(data)


def test_a_body_that_is_no_trajectory_is_refused() -> None:
    for broken in (body(unknown=1), body(calls=[{"role": "nobody"}]), "[1]", "{", '{"id": "\\ud800"}'):
        with pytest.raises(ValidationError):
            read(broken.encode())
    with pytest.raises(ValidationError):
        read(dump(mixed_trajectories()[0]).encode().replace(b"rollout0000", b"\xff"))


def test_a_record_knows_its_group() -> None:
    for trajectory in (
        *mixed_trajectories(),
        mixed_trajectories()[0].model_copy(update={"imported": {"group_id": "elsewhere"}}),
    ):
        assert record_of(trajectory).group_id == trajectory.group_id


def test_trajectories_share_the_tools_that_are_written_alike() -> None:
    one, other = read(dump(mixed_trajectories()[0]).encode()), read(dump(mixed_trajectories()[1]).encode())
    assert one.tools[0] is other.tools[0] is tool_of(mixed_trajectories()[0].tools[0])


TYPES: dict[type[BaseModel], Any] = {
    Trajectory: Record,
    Turn: records.RecordTurn,
    ToolCall: records.RecordCall,
    Tool: records.RecordTool,
    Score: records.RecordScore,
    Remark: records.RecordRemark,
    Attachment: records.RecordAttachment,
    Task: records.RecordTask,
    Proof: records.RecordProof,
    ProvenTurn: records.RecordProvenTurn,
    ProvenCall: records.RecordProvenCall,
}


def promised(annotation: Any) -> Any:
    """Return the type that a field of a record has, for the annotation of the field of a trajectory."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return TYPES.get(annotation, records.RecordPart)
    if origin is Annotated:
        return promised(parts[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(promised, parts))]  # noqa: UP007
    return origin[tuple(map(promised, parts))] if origin in (tuple, dict) else annotation


@pytest.mark.parametrize("model", TYPES, ids=lambda model: model.__name__)
def test_a_part_of_a_record_has_the_fields_and_types_that_exporters_are_told_of(model: type[BaseModel]) -> None:
    told = {name: hint for name, hint in get_type_hints(TYPES[model]).items() if name != "__struct_fields__"}
    assert told
    assert told == {name: promised(model.model_fields[name].annotation) for name in told}


def test_a_record_and_its_parts_are_no_trajectory_and_no_models() -> None:
    record = read(dump(mixed_trajectories()[0]).encode())
    parts = [record, *record.turns, *record.turns[2].tool_calls, *record.tools, *record.scores]
    assert len(parts) > 10
    for part in parts:
        assert part.__struct_fields__
        assert not isinstance(part, BaseModel)
        assert not hasattr(part, "model_copy")
    assert not hasattr(mixed_trajectories()[0], "__struct_fields__")
