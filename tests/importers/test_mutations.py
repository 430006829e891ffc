"""Valid rows with something in them replaced at random: read, or set aside; never another error, and storable."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import plugins
from engine.exporting.record import read
from engine.importing.report import Report
from engine.types import Trajectory
from storage.intake import rows_of
from tests.exporters.mixed import exported, mixed
from tests.importers.reading import TOOL, calls, says

STRANGER = {
    "id": "a",
    "system": "Be short.",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        calls({"word": "a", "most": None, "near": {"lat": 1.5}}, id="c") | {"reasoning": "why", "weight": 1},
        {"role": "tool", "tool_call_id": "c", "name": "look_up", "content": "x"},
        calls('{"word": "b"}') | {"loss_scale": 0.5},
        {"role": "function", "content": {"a": 1}},
        says("<think>why</think>Done.", train=False),
    ],
    "tools": [{"type": "function", "function": TOOL}, {"name": "g", "inputSchema": {"type": "dict"}}],
    "label": True,
    "metadata": {"domain": "shop", "scores": []},
}
SHAREGPT = {
    "conversations": [
        {"from": "human", "value": "a"},
        {"from": "function_call", "value": '<think>\nwhy\n</think>\n\n{"name": "look_up", "arguments": {"word": "a"}}'},
        {"from": "observation", "value": "x"},
        {"from": "gpt", "value": "b", "weight": 1},
    ],
    "tools": json.dumps([TOOL]),
}
WORDS = (
    *("role", "content", "tool_calls", "function", "name", "arguments", "type", "text", "properties", "items", "enum"),
    *("$ref", "#", "#/properties/word", "dict", "assistant", "tool", "weight", "anyOf", "required", "null", "[]", "{}"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
ROWS = {
    "chat_jsonl": [STRANGER, *exported("chat_jsonl", mixed())[0][:3]],
    "llamafactory": [SHAREGPT, *exported("llamafactory", mixed())[0][:3]],
    "trajectory": exported("trajectory", mixed())[0][:3],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything inside a row."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, format: str) -> dict[str, Any]:
    row = copy.deepcopy(draw(st.sampled_from(ROWS[format])))
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from([place for place in places(row) if place]))
        at = row
        for key in path:
            at = at[key]
        match draw(st.sampled_from(("replace", "drop", "text", "add"))):
            case "replace":
                at[last] = draw(VALUES)
            case "drop":
                del at[last]
            case "text":
                at[last] = json.dumps(at[last])
            case _ if isinstance(at, dict):
                at[draw(st.sampled_from(WORDS))] = draw(VALUES)
    return row


@pytest.mark.parametrize("format", list(ROWS))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(data=st.data())
def test_a_mutated_row_comes_in_or_is_set_aside(format: str, data: st.DataObject) -> None:
    row = data.draw(mutated(format))
    importer = plugins.load("importers", format)
    report = Report()
    lines = [json.dumps(row).encode("utf-8", "surrogatepass")]
    for trajectory in importer.make(importer.config()).trajectories(lines, "f.jsonl", report):
        stored = rows_of(1, 1, trajectory, 0.0).body[1]
        assert Trajectory.model_validate_json(stored).turns == trajectory.turns
        read(stored.encode())
        for exporter in ("chat_jsonl", "llamafactory", "trajectory"):
            exported(exporter, [trajectory])
    assert report.imported + report.set_aside == 1
    json.dumps(report.as_dict(), allow_nan=False)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(line=st.binary(max_size=60) | st.text(max_size=40).map(lambda text: f'{{"messages": "{text}"}}'.encode()))
def test_any_bytes_are_set_aside(line: bytes) -> None:
    for format in ROWS:
        importer = plugins.load("importers", format)
        report = Report()
        list(importer.make(importer.config()).trajectories([line], "f.jsonl", report))
        assert report.imported == 0


def test_every_importer_is_tried() -> None:
    assert set(ROWS) == set(plugins.names("importers"))
