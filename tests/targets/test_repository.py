"""The targets hf_repo and scores: folders that loaders of data sets read, and tables for analysis."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.exporting.build import build
from engine.types import Recipe, Review, Score, Trajectory
from tests.exporting.export_steps import entries
from tests.samples.trajectories import lost_trajectory, order_trajectory, shop_trajectory
from tests.samples.turns import PARALLEL, assistant_turn, user_turn
from tests.targets.rows import dialogues

HALVES = {"train": 0.5, "validation": 0.5}


def unpacked(tmp_path: Path, target: str, given: list[Trajectory] | None = None, **recipe: Any) -> Path:
    """Return the folder of an export, unpacked."""
    made = Recipe(target=target, splits=HALVES, licence="CC-BY-4.0", **recipe)
    with zipfile.ZipFile(build(made, entries(given or dialogues()), tmp_path / "zip").path) as archive:
        archive.extractall(tmp_path / "set")
    return tmp_path / "set"


def load(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_OFFLINE", True)
    return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


# ---------------------------------------------------------------- repositories


@pytest.mark.parametrize("target", ["hf_repo", "hf_repo/records", "scores/csv", "scores/parquet"])
def test_the_folder_loads_with_its_splits_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    folder = unpacked(tmp_path, target)
    loaded = load(folder, tmp_path, monkeypatch)
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    counts = {one["name"]: one["num_examples"] for one in front["dataset_info"]["splits"]}
    assert {split: len(rows) for split, rows in loaded.items()} == counts
    assert set(counts) == set(HALVES)


def test_arguments_of_any_type_load_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(
        unpacked(tmp_path, "hf_repo", [shop_trajectory(n, PARALLEL) for n in range(1)]), tmp_path, monkeypatch
    )
    (row,) = [row for rows in loaded.values() for row in rows]
    called = [call["function"] for message in row["messages"] for call in message.get("tool_calls") or ()]
    said = [call for turn in PARALLEL for call in turn.tool_calls]
    assert [(one["name"], json.loads(one["arguments"])) for one in called] == [(c.name, c.arguments) for c in said]


@pytest.mark.parametrize("target", ["hf_repo", "hf_repo/records"])
def test_croissant_describes_each_file_and_column(tmp_path: Path, target: str) -> None:
    folder = unpacked(tmp_path, target, name="My set")
    told = json.loads((folder / "croissant.json").read_bytes())
    assert (told["@type"], told["name"], told["license"]) == ("sc:Dataset", "My set", "CC-BY-4.0")
    assert told["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert {one["@id"] for one in told["distribution"]} == {"train.jsonl", "validation.jsonl"}
    for one in told["distribution"]:
        data = (folder / one["contentUrl"]).read_bytes()
        assert one["sha256"] == hashlib.sha256(data).hexdigest()
        assert one["contentSize"] == f"{len(data)} B"
    for records in told["recordSet"]:
        rows = [json.loads(line) for line in (folder / f"{records['@id']}.jsonl").read_bytes().splitlines()]
        assert {field["name"] for field in records["field"]} == {name for row in rows for name in row}
    types = {field["name"]: field.get("dataType") for field in told["recordSet"][0]["field"]}
    assert (types["id"], types["reward"]) == ("sc:Text", "sc:Float")


@pytest.mark.parametrize("target", ["hf_repo", "hf_repo/records"])
def test_the_reader_of_croissant_finds_no_error_and_reads_all_rows(tmp_path: Path, target: str) -> None:
    reader = pytest.importorskip("mlcroissant")
    folder = unpacked(tmp_path, target)
    found = reader.Dataset(str(folder / "croissant.json"))
    assert found.metadata.ctx.issues.errors == set()
    for split in HALVES:
        rows = (folder / f"{split}.jsonl").read_bytes().splitlines()
        assert len(list(found.records(split))) == len(rows)


def test_other_targets_get_no_croissant(tmp_path: Path) -> None:
    assert not (unpacked(tmp_path, "trl") / "croissant.json").exists()


# ---------------------------------------------------------------- scores


def tables(tmp_path: Path, kind: str, given: list[Trajectory], reviews: Any = None) -> list[dict[str, Any]]:
    """Return the rows of a bare table of scores as pandas reads them, None for what is missing."""
    import pandas

    path = tmp_path / f"scores.{kind}"
    recipe = Recipe(target=f"scores/{kind}", splits={"train": 1.0})
    assert build(recipe, entries(given, reviews), path).path == path
    frame = pandas.read_csv(path) if kind == "csv" else pandas.read_parquet(path)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_each_score_has_a_row_with_its_judge_and_where_it_comes_from(tmp_path: Path, kind: str) -> None:
    odd = 'said "no", then\nleft; ünï'
    panel = Score(
        name="polite", value=0.5, passed=False, reason=odd, source="rubric", method="model", model="m", agreement=0.75
    )
    bare = shop_trajectory(2, (user_turn("x"), assistant_turn("y")), scores=())
    rows = tables(tmp_path, kind, [order_trajectory(0), order_trajectory(1, scores=(panel,)), bare])
    assert [(row["trajectory"], row["score"], row["value"]) for row in rows] == [
        ("rollout-0", "state", 1.0),
        ("rollout-0", "rubric", None),
        ("rollout-1", "polite", 0.5),
        (bare.id, None, None),
    ]
    state, unreadable, polite, _ = rows
    assert (state["judge"], state["method"], state["passed"], state["status"]) == ("state", "state", True, "kept")
    assert (unreadable["reason"], unreadable["passed"], unreadable["agreement"]) == ("unreadable", None, None)
    assert (polite["reason"], polite["passed"], polite["agreement"], polite["model"]) == (odd, False, 0.75, "m")
    assert (polite["domain"], polite["mode"], polite["batch"]) == ("ledger", "single", "f" * 16)


def test_what_judges_rejected_is_there_and_what_a_human_rejected_is_not(tmp_path: Path) -> None:
    given = [order_trajectory(0), lost_trajectory(1, "state", "state_mismatch"), order_trajectory(2)]
    reviews = {0: [Review(trajectory=0, verdict="accept")], 2: [Review(trajectory=2, verdict="reject")]}
    rows = tables(tmp_path, "csv", given, reviews)
    assert {row["trajectory"]: row["rejected_because"] for row in rows} == {
        "rollout-0": None,
        "rollout-1": "state_mismatch",
    }
    assert [row["value"] for row in rows if row["score"] == "verdict" and row["method"] == "human"] == [1.0]


def test_a_parquet_table_is_typed_and_grows_by_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setitem(__import__("engine.exporting.table", fromlist=["x"])._ROWS_AT_ONCE, ".parquet", 4)
    tables(tmp_path, "parquet", [order_trajectory(n) for n in range(6)])
    file = parquet.ParquetFile(tmp_path / "scores.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4, 4, 4]
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert [types[name] for name in ("score", "value", "passed", "attempt")] == ["string", "double", "bool", "int64"]


def test_an_empty_csv_value_is_told_from_a_zero(tmp_path: Path) -> None:
    zero = Score(name="state", value=0.0, reason="differs", source="state", method="state", passed=False)
    unmeasured = Score(name="state", value=None, reason="lost", source="state", method="state")
    tables(tmp_path, "csv", [order_trajectory(0, scores=(zero, unmeasured))])
    with (tmp_path / "scores.csv").open(newline="") as file:
        assert [row["value"] for row in csv.DictReader(file)] == ["0.0", ""]
