"""The files as `datasets` loads them: every argument as it was written, and no null that nobody wrote."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine.export import build
from engine.types import Recipe
from tests.exporters.mixed import entries, mixed

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def unpacked(tmp_path: Path, **recipe: Any) -> Path:
    """Return the folder of an export of the mixed set."""
    result = build(Recipe(**recipe), entries(mixed()), tmp_path)
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


def test_each_file_of_records_loads_alone(tmp_path: Path) -> None:
    """Records are ragged by nature, so what one split lacks another may have: they load file by file."""
    folder = unpacked(tmp_path, format="trajectory", splits={"train": 0.5, "validation": 0.5})
    for split in ("train", "validation"):
        file = str(folder / f"{split}.jsonl")
        loaded = datasets.load_dataset("json", data_files=file, cache_dir=str(tmp_path / split))["train"]
        assert list(loaded["id"]) == [row["id"] for row in lines(folder / f"{split}.jsonl")]


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
