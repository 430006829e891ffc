"""The files of an export: the same rows in JSON Lines, JSON arrays and Parquet, compressed, and in shards."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from engine.errors import InputError
from engine.exporting.build import build
from engine.exporting.containers.files import Shards
from engine.exporting.containers.places import MOST_KEYS, Place, texts_inside, with_texts
from engine.exporting.target import for_target
from engine.types import Container, Recipe, Trajectory
from tests.exporting.export_steps import entries
from tests.samples.trajectories import hostile_trajectories, mixed_trajectories, shop_trajectory
from tests.samples.turns import calling_turn, result_turn, user_turn

ALL = {"train": 1.0}


def dialogues() -> list[Trajectory]:
    """Return dialogues with hostile texts, integers beyond 64 bits and arguments of clashing types."""
    clash = ({"value": 3}, {"value": "Bruno"}, {"value": {"deep": [1, None]}}, {})
    calls = [
        shop_trajectory(
            20 + n, (user_turn(str(n)), calling_turn(("c", "set_cell", args)), result_turn("c", "set_cell", "ok"))
        )
        for n, args in enumerate(clash)
    ]
    return [*mixed_trajectories(), *hostile_trajectories(), *calls]


def lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines()]


def zstd(data: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as source:
        unpacked: bytes = source.read()
    return unpacked


READ: dict[str, Callable[[bytes], list[Any]]] = {
    ".jsonl": lines,
    ".jsonl.gz": lambda data: lines(gzip.decompress(data)),
    ".jsonl.zst": lambda data: lines(zstd(data)),
    ".json": json.loads,
    ".json.gz": lambda data: json.loads(gzip.decompress(data)),
    ".json.zst": lambda data: json.loads(zstd(data)),
}


def parquet_rows(data: bytes) -> list[Any]:
    rows: list[Any] = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    return rows


def without_nulls(value: Any) -> Any:
    """Return a value as rows have it: without keys that a column fills with null, and with arguments as objects."""
    if isinstance(value, dict):
        kept = {key: without_nulls(one) for key, one in value.items() if one is not None}
        return kept | ({"arguments": json.loads(kept["arguments"])} if "arguments" in kept else {})
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def bare(folder: Path, ending: str, **recipe: Any) -> bytes:
    made = Recipe(**{"splits": ALL} | recipe)
    return build(made, entries(dialogues()), folder / f"rows{ending}").path.read_bytes()


# ---------------------------------------------------------------- the same rows in every container


@pytest.mark.parametrize("ending", list(READ))
def test_every_container_of_json_holds_the_same_rows_and_bytes_repeat(tmp_path: Path, ending: str) -> None:
    data = bare(tmp_path, ending)
    assert READ[ending](data) == lines(bare(tmp_path, ".jsonl"))
    assert bare(tmp_path / "again", ending) == data


def test_parquet_holds_the_same_rows_with_arguments_as_text(tmp_path: Path) -> None:
    data = bare(tmp_path, ".parquet")
    plain = [without_nulls(row) for row in lines(bare(tmp_path, ".jsonl", options={"arguments": "string"}))]
    assert [without_nulls(row) for row in parquet_rows(data)] == plain
    assert bare(tmp_path / "again", ".parquet") == data


@pytest.mark.parametrize("format", ["anthropic", "atif", "bfcl", "llamafactory", "spans", "trajectory", "verifiers"])
def test_no_format_breaks_parquet(tmp_path: Path, format: str) -> None:
    found = parquet_rows(bare(tmp_path, ".parquet", format=format))
    assert len(found) == len(lines(bare(tmp_path, ".jsonl", format=format)))


def test_a_consumer_that_wants_objects_gets_the_type_of_json(tmp_path: Path) -> None:
    schema = pyarrow.parquet.read_schema(io.BytesIO(bare(tmp_path, ".parquet", target="trl")))
    assert "extension<arrow.json>" in str(schema.field("completion").type)
    schema = pyarrow.parquet.read_schema(io.BytesIO(bare(tmp_path, ".parquet")))
    assert "extension" not in str(schema)


# ---------------------------------------------------------------- shards


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_shards_hold_all_rows_in_order_and_bear_the_card(tmp_path: Path, kind: str) -> None:
    container = Container(kind=kind, shard_rows=4)  # type: ignore[arg-type]
    found = build(Recipe(container=container, splits=ALL), entries(dialogues()), tmp_path)
    with zipfile.ZipFile(found.path) as archive:
        names = [name for name in archive.namelist() if name.startswith("train")]
        read = {"jsonl": lines, "json": json.loads, "parquet": parquet_rows}[kind]
        held = [archive.read(name) for name in names]
        shards = [read(data) for data in held]
        card = archive.read("README.md").decode()
    assert names == [f"train-{n:05}.{kind}" for n in range(len(names))]
    assert [len(rows) for rows in shards[:-1]] == [4] * (len(names) - 1)
    ids = [row["id"] for rows in shards for row in rows]
    assert ids == [row["id"] for row in lines(bare(tmp_path, ".jsonl"))]
    assert f"path: train-*.{kind}" in card
    for name, rows, data in zip(names, shards, held, strict=True):
        assert f"| {name} | train | {len(rows)} | {len(data)} | `{hashlib.sha256(data).hexdigest()}` |" in card
    assert found.report["container"]["files"] == {"train": len(names)}


def test_a_shard_ends_before_the_row_that_would_exceed_its_bytes() -> None:
    shards = Shards(Container(shard_bytes=10), "train", ".jsonl")
    found = [*shards.runs([b"1234", b"1234"]), *shards.runs([b"1", b"12345678901234", b"1"])]
    assert found == [
        ("train-00000.jsonl", [b"1234", b"1234"]),
        ("train-00001.jsonl", [b"1"]),
        ("train-00002.jsonl", [b"12345678901234"]),
        ("train-00003.jsonl", [b"1"]),
    ]


# ---------------------------------------------------------------- types of columns


def place_of(*values: Any) -> Place:
    found = Place()
    for value in values:
        found.see({"a": {"b": value}})
    return found


@pytest.mark.parametrize(
    ("values", "mixed"),
    [
        ((1, "x"), True),
        ((1, True), True),
        (([], {}), True),
        ((2**70, 1), True),
        ((0.5, 2**53 + 1), True),
        (({}, {}), False),
        (({"arguments": 1}, {"arguments": 1}), None),
        ((1, 0.5), None),
        ((None, 1), None),
        (([1], [None]), None),
    ],
)
def test_a_place_is_text_only_where_no_type_says_what_stands_there(values: tuple[Any, ...], mixed: bool | None) -> None:
    assert list(place_of(*values).texts()) == ([] if mixed is None else [("a.b", mixed)])


def test_objects_whose_keys_are_data_are_text_whatever_they_hold() -> None:
    many = [{f"key{n}": n} for n in range(MOST_KEYS + 1)]
    assert list(place_of(*many).texts()) == [("a.b", False)]
    found = place_of({"arguments": {"x": 1}})
    assert list(found.texts()) == [("a.b.arguments", False)]
    row = {"a": {"b": {"arguments": {"x": 2**70, "y": None}}, "c": None}}
    assert with_texts(row, texts_inside(found))["a"]["b"] == {"arguments": f'{{"x":{2**70},"y":null}}'}


def test_the_report_and_the_card_name_what_became_text(tmp_path: Path) -> None:
    found = build(Recipe(container=Container(kind="parquet")), entries(dialogues()), tmp_path)
    assert found.report["container"]["json_text"] == ["messages[].tool_calls[].function.arguments"]
    with zipfile.ZipFile(found.path) as archive:
        assert "`messages[].tool_calls[].function.arguments`: keys are data" in archive.read("README.md").decode()


# ---------------------------------------------------------------- what is chosen and refused


def test_an_older_recipe_has_no_container_and_plain_lines_are_none() -> None:
    assert "container" not in Recipe().model_dump_json()
    assert for_target(Recipe(container=Container())).container is None
    assert for_target(Recipe(target="trl", container=Container())).container is None
    kept = Recipe(container=Container(kind="parquet"))
    assert Recipe.model_validate_json(kept.model_dump_json()) == kept


@pytest.mark.parametrize(
    ("name", "recipe", "told"),
    [
        ("x.parquet", {"container": Container(kind="json")}, r"no name for \.json.*End it in \.json or \.zip"),
        ("x.jsonl", {"container": Container(compression="gzip")}, r"no name for \.jsonl\.gz"),
        ("x.jsonl", {"container": Container(shard_rows=3)}, "cannot hold shards"),
        ("x.parquet", {"splits": {"train": 0.5, "test": 0.5}}, "cannot hold 2 splits"),
        ("x.parquet", {"target": "openai"}, r"openai does not read \.parquet: it reads jsonl"),
        ("x.zip", {"target": "axolotl", "container": Container(compression="zstd")}, "with the compression none"),
        ("x.zip", {"target": "axolotl", "container": Container(shard_rows=2)}, "in shards: it reads one file a split"),
        ("x.csv", {"target": "scores/csv", "container": Container(shard_rows=2)}, "writes a table, whose kind of file"),
        (
            "x.parquet",
            {"format": "scores", "container": Container(kind="parquet")},
            "writes a table, whose kind of file",
        ),
        ("x.jsonl", {"target": "scores/csv"}, r"\.jsonl is no ending .*End it in \.csv or \.zip"),
        ("x.csv", {"target": "trl"}, r"\.csv is no ending .*\.jsonl, .*\.parquet or \.zip"),
    ],
)
def test_a_container_that_does_not_fit_is_refused_first(
    tmp_path: Path, name: str, recipe: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        build(Recipe(**{"splits": ALL} | recipe), entries(dialogues()), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [{"kind": "csv"}, {"compression": "lz4"}, {"shard_rows": 0}, {"shard_bytes": -1}])
def test_a_container_has_sensible_values(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Container(**given)


def test_a_bare_parquet_file_is_named_in_the_settings(tmp_path: Path) -> None:
    found = build(Recipe(target="trl", splits=ALL), entries(dialogues()), tmp_path / "mine.parquet")
    assert 'load_dataset("parquet", data_files={"train": "mine.parquet"})' in str(found.settings)
