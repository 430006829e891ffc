"""Labels of turns and subsets in the metadata of exports."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine import plugins
from engine.dialogue.subsets import subsets, turn_labels
from engine.exporting.build import build
from engine.exporting.convert import Conversion
from engine.exporting.json import dump_bytes
from engine.types import Recipe, Trajectory
from tests.exporting.export_steps import entries
from tests.samples.trajectories import mixed_trajectories, shop_trajectory
from tests.samples.turns import PARALLEL, RECOVERED

WHOLE = {"train": 1.0}
WITH_PLACE = (
    "atif",
    "chat_jsonl",
    "llamafactory",
    "mini_swe_agent",
    "preference",
    "spans",
    "text",
    "trajectory",
    "verifiers",
)
"""Formats that carry them; the others have no place for metadata."""


def labels(trajectory: Trajectory) -> dict[str, Any]:
    return {
        "turn_labels": turn_labels(trajectory.turns, trajectory.tools),
        "subsets": subsets(trajectory.turns, trajectory.tools, trajectory.attachments),
    }


def rows(trajectory: Trajectory, **recipe: Any) -> list[dict[str, Any]]:
    ((_, body, reviews),) = entries([trajectory])
    return [json.loads(dump_bytes(row)) for row in Conversion(Recipe(**recipe)).record_and_rows(body, reviews)[1].rows]


def test_labels_are_added_and_nothing_else_changes() -> None:
    for trajectory in mixed_trajectories():
        if not (plain := rows(trajectory)):
            continue  # a call of it is no JSON
        (with_them,), (without,) = rows(trajectory, labels=True), plain
        told = json.loads(with_them.pop("metadata"))
        assert {key: told.pop(key) for key in ("turn_labels", "subsets")} == labels(trajectory)
        assert told == json.loads(without.pop("metadata"))
        assert with_them == without


@pytest.mark.parametrize("name", plugins.names("exporters"))
def test_every_format_carries_them_or_says_that_it_does_not(tmp_path: Path, name: str) -> None:
    result = build(Recipe(format=name, labels=True, splits=WHOLE), entries(mixed_trajectories()), tmp_path / "o.zip")
    carried = result.report["lost"].get("labels", 0) < result.report["exported"]
    assert carried == (name in WITH_PLACE)


def test_they_come_back_and_leave_again() -> None:
    trajectory = shop_trajectory(0, RECOVERED)
    (row,) = rows(trajectory, labels=True)
    importer = plugins.load("importers", "chat_jsonl")
    (again,) = importer.make(importer.config()).trajectories(io.BytesIO(dump_bytes(row) + b"\n"), "rows.jsonl")
    told = json.loads(rows(again)[0]["metadata"])
    assert {key: told[key] for key in ("turn_labels", "subsets")} == labels(trajectory)


def test_the_card_says_what_they_mean(tmp_path: Path) -> None:
    for name, said in (("chat_jsonl", True), ("hosted", False)):
        recipe = Recipe(format=name, labels=True, splits=WHOLE)
        with zipfile.ZipFile(
            build(recipe, entries([shop_trajectory(0, PARALLEL)]), tmp_path / "o.zip").path
        ) as archive:
            assert ("`turn_labels`" in archive.read("README.md").decode()) is said
