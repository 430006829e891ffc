"""Exports loaded by `datasets`: every argument has its written value, and no null is added."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine import plugins
from engine.exporting.build import build
from engine.types import Recipe
from tests.exporting.export_steps import entries
from tests.samples.trajectories import mixed_trajectories, proven_trajectory, shop_trajectory
from tests.samples.turns import CORRECTED, NESTED, assistant_turn, user_turn

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def unpacked(tmp_path: Path, **recipe: Any) -> Path:
    """Return the folder of an export of the mixed set."""
    result = build(Recipe(**recipe), entries(mixed_trajectories()), tmp_path)
    with zipfile.ZipFile(result.path) as archive:
        archive.extractall(tmp_path / "set")
    return tmp_path / "set"


def load(folder: Path, tmp_path: Path) -> Any:
    return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("format", ["chat_jsonl", "llamafactory"])
def test_a_folder_loads_with_its_splits(tmp_path: Path, format: str) -> None:
    folder = unpacked(tmp_path, format=format, splits={"train": 0.5, "validation": 0.5})
    loaded = load(folder, tmp_path)
    assert set(loaded) == {"train", "validation"}
    for split, rows in loaded.items():
        assert len(rows) == len(lines(folder / f"{split}.jsonl"))


def test_records_load_as_a_folder_and_from_a_list_and_go_to_parquet_and_back(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, format="trajectory", splits={"train": 0.5, "validation": 0.5})
    loaded = load(folder, tmp_path)
    importer = plugins.load("importers", "trajectory")
    for split in ("train", "validation"):
        written = lines(folder / f"{split}.jsonl")
        assert list(loaded[split]) == written
        listed = datasets.Dataset.from_list(written)
        listed.to_parquet(tmp_path / f"{split}.parquet")
        again = list(datasets.Dataset.from_parquet(str(tmp_path / f"{split}.parquet"), cache_dir=str(tmp_path / "p")))
        assert again == written
        back = importer.make(importer.config()).trajectories([json.dumps(row).encode() for row in again], split)
        assert list(back) == list(
            importer.make(importer.config()).trajectories((folder / f"{split}.jsonl").open("rb"), split)
        )


def test_records_that_begin_alike_and_go_on_otherwise_load_in_parts(tmp_path: Path) -> None:
    """`datasets` types a column by the first part of a file; what comes later must fit into it."""
    bare = [
        shop_trajectory(n, (user_turn(f"{n}"), assistant_turn("A" * 200)), (), scores=(), calls=(), models={})
        for n in range(60)
    ]
    proven = proven_trajectory()
    rich = [
        shop_trajectory(
            60, NESTED, seed=2**64 - 1, status="rejected", stage="state", reason="state_mismatch", culprit="agent",
            tests_passed=True, diff=proven.diff, task=proven.task, proof=proven.proof, begun=(1,),
        ),
        shop_trajectory(61, CORRECTED),
    ]  # fmt: skip
    file = tmp_path / "rows.jsonl"
    recipe = Recipe(format="trajectory", splits={"train": 1.0}, include_rejected=True)
    build(recipe, entries([*bare, *rich]), file)
    loaded = datasets.load_dataset(
        "json", data_files=str(file), chunksize=5_000, cache_dir=str(tmp_path / "cache"), split="train"
    )
    assert list(loaded) == lines(file)


@pytest.mark.parametrize(
    "options", [{}, {"tools": "list"}, {"loss": "ms_swift"}, {"reasoning": "think"}, {"parallel": "serial"}]
)
def test_no_null_appears_among_clashing_arguments(tmp_path: Path, options: dict[str, Any]) -> None:
    folder = unpacked(tmp_path, options=options, splits={"train": 1.0})
    written = lines(folder / "train.jsonl")
    loaded = load(folder, tmp_path)["train"]
    assert len(loaded) == len(written) == 7
    for row, before in zip(loaded, written, strict=True):
        assert row["messages"] == before["messages"]
        assert row["tools"] == before["tools"]
        assert row["metadata"] == before["metadata"]


def test_prompt_and_completion_rows_load(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, options={"split_untrained": True}, splits={"train": 1.0})
    loaded = load(folder, tmp_path)["train"]
    for row, before in zip(loaded, lines(folder / "train.jsonl"), strict=True):
        assert (row["prompt"], row["completion"]) == (before["prompt"], before["completion"])


def test_sharegpt_rows_hold_texts_only(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, format="llamafactory", splits={"train": 1.0})
    for row in load(folder, tmp_path)["train"]:
        assert all(set(turn) == {"from", "value"} for turn in row["conversations"])
        assert all(isinstance(value, str) for turn in row["conversations"] for value in turn.values())
        assert isinstance(row["tools"], str)


def test_plain_arrow_adds_no_null_to_sharegpt(tmp_path: Path) -> None:
    """Old versions of `datasets` type every column as Arrow does; the sharegpt file must survive that."""
    from pyarrow import json as arrow

    folder = unpacked(tmp_path, format="llamafactory", splits={"train": 1.0})
    found = arrow.read_json(folder / "train.jsonl").to_pylist()
    assert found == lines(folder / "train.jsonl")
