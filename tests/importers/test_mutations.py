"""Valid rows with one value replaced at random are imported and storable, or set aside; no other error is raised."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import plugins
from engine.examples import ImportExample
from engine.exporting.record import read
from engine.importing.report import Report
from engine.types import Trajectory
from storage.intake.rows import rows_of
from tests.exporting.export_steps import exported
from tests.needs import missing
from tests.samples.trajectories import mixed_trajectories

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


def rows_of_format(format: str) -> list[Any]:
    """Return rows to change: those that the importer shows, and what an exporter of its name writes."""
    example = plugins.load("importers", format).example
    assert example is None or isinstance(example, ImportExample)
    written = exported(format, mixed_trajectories())[0][:3] if format in plugins.names("exporters") else []
    return [*(example.rows if example else ()), *written]


ROWS = {format: rows_of_format(format) for format in plugins.names("importers")}


@pytest.mark.parametrize("format", list(ROWS))
def test_every_importer_has_rows_to_change(format: str) -> None:
    if not ROWS[format]:
        missing(f"NO ROWS: give engine/importers/{format}.py an EXAMPLE, or an exporter of its name.")
    importer = plugins.load("importers", format)
    found = list(importer.make(importer.config()).trajectories([json.dumps(row).encode() for row in ROWS[format]], "f"))
    assert len(found) == len(ROWS[format]), "unchanged they all come in"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything inside a row."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, format: str) -> dict[str, Any]:
    row = copy.deepcopy(draw(st.sampled_from(ROWS[format])))
    for _ in range(draw(st.integers(1, 3))):
        if not row:
            break
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


@pytest.mark.parametrize("format", [format for format, rows in ROWS.items() if rows])
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
        for exporter in plugins.names("exporters"):
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
