"""A whole export: which trajectories it admits, how it splits them, what it writes and reports."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.errors import InputError, StorageError
from engine.exporting.build import build, preview
from engine.exporting.convert import split_of
from engine.types import Recipe, Review, Trajectory, TrajectoryFilter
from tests.exporting.export_steps import entries
from tests.samples.trajectories import mixed_trajectories, proven_trajectory, shop_trajectory
from tests.samples.turns import PARALLEL, SYSTEM, assistant_turn, user_turn

ALL = {"train": 1.0}


def many(count: int) -> list[Trajectory]:
    return [
        shop_trajectory(n, (SYSTEM, user_turn(f"Question {n}?"), assistant_turn(f"Answer {n}."))) for n in range(count)
    ]


def data(path: Path, name: str = "train.jsonl") -> list[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        return [json.loads(line) for line in archive.read(name).splitlines()]


# ---------------------------------------------------------------- what is written


def test_a_zip_holds_data_card_report_and_recipe(tmp_path: Path) -> None:
    recipe = Recipe(name="My set: 1", splits={"train": 0.5, "validation": 0.5})
    result = build(recipe, entries(many(40)), tmp_path)
    assert result.path == tmp_path / "My-set-1.zip"
    assert result.size == result.path.stat().st_size
    assert result.sha256 == hashlib.sha256(result.path.read_bytes()).hexdigest()
    with zipfile.ZipFile(result.path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        told = json.loads(archive.read("report.json"))
        again = Recipe.model_validate_json(archive.read("recipe.json"))
    assert names == ["README.md", "recipe.json", "report.json", "train.jsonl", "validation.jsonl"]
    assert told == result.report
    assert again == recipe
    assert sum(result.rows.values()) == told["rows"] == 40
    assert {split: len(data(result.path, f"{split}.jsonl")) for split in recipe.splits} == result.rows
    assert [p.name for p in tmp_path.iterdir()] == ["My-set-1.zip"]


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = {build(Recipe(), entries(mixed_trajectories()), tmp_path / name).sha256 for name in ("a", "b")}
    assert len(digests) == 1


def test_llamafactory_gets_its_dataset_info(tmp_path: Path) -> None:
    result = build(Recipe(format="llamafactory", splits=ALL), entries(mixed_trajectories()), tmp_path)
    with zipfile.ZipFile(result.path) as archive:
        info = json.loads(archive.read("dataset_info.json"))
        assert info["turnwright_train"]["file_name"] in archive.namelist()


def test_a_single_file_is_written_bare(tmp_path: Path) -> None:
    result = build(Recipe(splits=ALL), entries(mixed_trajectories()), tmp_path / "data.jsonl")
    assert result.path == tmp_path / "data.jsonl"
    assert len(result.path.read_text().splitlines()) == result.report["rows"] == result.rows["train"]
    with pytest.raises(InputError, match="2 splits"):
        build(Recipe(), entries(mixed_trajectories()), tmp_path / "two.jsonl")


def test_a_bare_llamafactory_file_gets_its_dataset_info_beside_it(tmp_path: Path) -> None:
    recipe = Recipe(format="llamafactory", splits=ALL)
    theirs = {"alpaca_en": {"file_name": "alpaca_en.jsonl"}, "turnwright_mine": {"file_name": "older.jsonl"}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(theirs))
    build(recipe, entries(mixed_trajectories()), tmp_path / "mine.jsonl")
    told = json.loads((tmp_path / "dataset_info.json").read_bytes())
    assert list(told) == ["alpaca_en", "turnwright_mine"]
    assert told["alpaca_en"] == theirs["alpaca_en"]
    assert told["turnwright_mine"]["file_name"] == "mine.jsonl"
    assert (tmp_path / told["turnwright_mine"]["file_name"]).stat().st_size > 0


def test_a_file_of_that_name_which_is_no_object_stays(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text("[1]")
    with pytest.raises(InputError, match="no JSON object"):
        build(Recipe(format="llamafactory", splits=ALL), entries(mixed_trajectories()), tmp_path / "mine.jsonl")
    assert [p.name for p in tmp_path.iterdir()] == ["dataset_info.json"]
    assert (tmp_path / "dataset_info.json").read_text() == "[1]"


def test_a_licence_that_nobody_stated_is_unknown(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(Recipe(splits=ALL), entries(mixed_trajectories()), tmp_path).path) as archive:
        text = archive.read("README.md").decode()
    assert "license: unknown" in text
    assert "- shop: not stated" in text


@pytest.mark.parametrize(
    ("licences", "front", "recipe"),
    [
        (("CC0-1.0", "CC0-1.0"), "cc0-1.0", "CC0-1.0"),
        (("MIT", "CC0-1.0"), "other", "CC0-1.0, MIT"),
        (("House rules", "House rules"), "other", "House rules"),
        (("MIT", None), "other", "unknown"),
    ],
)
def test_without_a_licence_of_its_own_a_dataset_has_those_of_its_domains(
    tmp_path: Path, licences: tuple[str | None, ...], front: str, recipe: str
) -> None:
    stated = dict(zip(("shop", "bank"), licences, strict=True))
    asked: list[str] = []

    def licence_of(digest: str) -> str | None:
        asked.append(digest)
        return stated[digest.removesuffix("-1")]

    rows = [
        one.model_copy(update={"domain": name, "domain_digest": f"{name}-1"})
        for one, name in zip(mixed_trajectories(), cycle(stated), strict=False)
    ]
    result = build(Recipe(splits=ALL), entries(rows), tmp_path, licence_of=licence_of)
    with zipfile.ZipFile(result.path) as archive:
        text = archive.read("README.md").decode()
        again = Recipe.model_validate_json(archive.read("recipe.json"))
    assert yaml.safe_load(text.split("---\n")[1])["license"] == front
    assert {f"- {name}: {licence or 'not stated'}" for name, licence in stated.items()} <= set(text.splitlines())
    assert again.licence == recipe
    assert sorted(asked) == ["bank-1", "shop-1"]


def test_a_named_zip_is_written_there(tmp_path: Path) -> None:
    assert build(Recipe(), entries(many(9)), tmp_path / "deep" / "x.zip").path == tmp_path / "deep" / "x.zip"


def test_the_card_tells_where_the_rows_come_from(tmp_path: Path) -> None:
    recipe = Recipe(name="a|b <i>", filter=TrajectoryFilter(domains=("shop",), min_reward=0.5), splits=ALL)
    result = build(recipe.model_copy(update={"licence": "CC0-1.0"}), entries(mixed_trajectories()), tmp_path)
    with zipfile.ZipFile(result.path) as archive:
        text = archive.read("README.md").decode()
    _, front, body = text.split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["license"] == "cc0-1.0"
    assert "under CC0-1.0" in body
    assert head["language"] == ["en"]
    assert head["size_categories"] == ["n<1K"]
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "train.jsonl"}]
    for told in ("some/model", "reference", "min_reward: 0.5", "unparsable_call", "trains nothing", "a\\|b &lt;i>"):
        assert told in body


def test_an_unfinished_export_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    before = build(Recipe(name="x"), entries(many(9)), tmp_path)

    def broken() -> Iterator[Any]:
        yield from entries(many(3))
        raise StorageError("The database is gone.")

    with pytest.raises(StorageError):
        build(Recipe(name="x"), broken(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.zip"]
    assert hashlib.sha256(before.path.read_bytes()).hexdigest() == before.sha256


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="could not be written"):
        build(Recipe(), entries(many(3)), tmp_path / "file")


@pytest.mark.parametrize("name", ["n" * 300 + ".jsonl", "n" * 300])
def test_a_name_that_is_too_long_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match=r"File name too long\. Choose a shorter name"):
        build(Recipe(splits=ALL), entries(many(3)), tmp_path / name, replace=False)


def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(StorageError, match="Allow the engine to write"):
        build(Recipe(splits=ALL), entries(many(3)), tmp_path / "x.jsonl", replace=False)


# ---------------------------------------------------------------- what is admitted


def lost(index: int, **changes: Any) -> Trajectory:
    return many(index + 1)[index].model_copy(
        update={"status": "rejected", "stage": "state", "reason": "state_mismatch"} | changes
    )


@pytest.mark.parametrize(
    ("number", "move"),
    [(errno.ENOSPC, "Free some space"), (errno.EACCES, "Allow the engine to write"), (errno.ENOTDIR, "folder exists")],
)
def test_what_the_disk_refuses_names_the_move_that_mends_it(tmp_path: Path, number: int, move: str) -> None:
    def refused() -> Iterator[Any]:
        raise OSError(number, os.strerror(number))
        yield

    with pytest.raises(StorageError, match=move):
        build(Recipe(splits=ALL), refused(), tmp_path)


def test_verdicts_stand_above_the_judges(tmp_path: Path) -> None:
    given = [*many(2), lost(2), lost(3), *many(6)[4:]]
    reviews = {
        0: [Review(trajectory=0, verdict="reject")],
        2: [Review(trajectory=2, verdict="accept")],
        4: [Review(trajectory=4, verdict="fix")],
    }
    result = build(Recipe(splits=ALL), entries(given, reviews), tmp_path)
    assert result.trajectories == [1, 2, 5]
    assert result.report["dropped"] == {"awaits_correction": 1, "rejected:state_mismatch": 1, "rejected_by_human": 1}
    assert result.report["trajectories"] == 6


def test_rejected_ones_leave_when_asked_for_but_never_what_a_human_rejected(tmp_path: Path) -> None:
    given = [lost(0), lost(1), lost(2, turns=())]
    reviews = {1: [Review(trajectory=1, verdict="reject")]}
    result = build(Recipe(splits=ALL, include_rejected=True), entries(given, reviews), tmp_path)
    assert result.trajectories == [0]


def test_only_accepted_means_accepted_or_corrected_by_a_human(tmp_path: Path) -> None:
    reviews = {
        1: [Review(trajectory=1, verdict="accept")],
        2: [Review(trajectory=2, turn=2, verdict="fix", fix=assistant_turn("Better."))],
        3: [Review(trajectory=3, rating=5)],
    }
    result = build(Recipe(splits=ALL, only_accepted=True), entries(many(4), reviews), tmp_path)
    assert result.trajectories == [1, 2]
    assert data(result.path)[1]["messages"][-1]["content"] == "Better."


def test_a_rejected_turn_is_masked_or_cut(tmp_path: Path) -> None:
    reviews = {0: [Review(trajectory=0, turn=5, verdict="reject")]}
    masked = build(Recipe(splits=ALL), entries([shop_trajectory(0, PARALLEL)], reviews), tmp_path / "m")
    assert [m.get("train") for m in data(masked.path)[0]["messages"]] == [None, None, True, None, None, False]
    cut = build(Recipe(splits=ALL, untrained="cut"), entries([shop_trajectory(0, PARALLEL)], reviews), tmp_path / "c")
    assert [m["role"] for m in data(cut.path)[0]["messages"]] == ["system", "user", "assistant"]
    assert cut.report["changed"] == {"cut_to_last_answer": 1}


def test_exact_duplicates_leave_once_but_the_archive_keeps_them(tmp_path: Path) -> None:
    twins = [shop_trajectory(0, PARALLEL), shop_trajectory(1, PARALLEL)]
    result = build(Recipe(splits=ALL), entries(twins), tmp_path / "chat")
    assert result.report["dropped"] == {"duplicate": 1}
    assert build(Recipe(splits=ALL, format="trajectory"), entries(twins), tmp_path / "all").rows == {"train": 2}


def test_an_empty_export_is_refused_and_names_what_took_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trajectory yet"):
        build(Recipe(), [], tmp_path)
    with pytest.raises(InputError, match=r"domains=.*clinic"):
        build(Recipe(filter=TrajectoryFilter(domains=("clinic",))), [], tmp_path)
    with pytest.raises(InputError, match=r"none of 2 trajectories .*state_mismatch \(2\)"):
        build(Recipe(), entries([lost(0), lost(1)]), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "nothing"}, "no plug-in"),
        ({"options": {"tools": "table"}}, "tools"),
        ({"splits": {"../x": 1.0}}, "no name for a file"),
    ],
)
def test_a_bad_recipe_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        build(Recipe(**changes), entries(many(3)), tmp_path)


# ---------------------------------------------------------------- splits


def test_a_split_depends_on_seed_and_group_alone() -> None:
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    groups = [f"task{n}" for n in range(4000)]
    found = {group: split_of(group, 0, shares) for group in groups}
    counts = {name: sum(split == name for split in found.values()) / len(groups) for name in shares}
    assert counts == pytest.approx(shares, abs=0.02)
    assert found != {group: split_of(group, 1, shares) for group in groups}
    assert {split_of(group, 0, {"train": 1.0, "validation": 0.0}) for group in groups} == {"train"}


def test_the_attempts_at_one_task_share_a_split(tmp_path: Path) -> None:
    task = proven_trajectory().task
    assert task is not None
    given = [
        shop_trajectory(
            n, (user_turn(f"{n}"), assistant_turn(f"{n}")), task=task.model_copy(update={"id": f"task{n // 4}"})
        )
        for n in range(80)
    ]
    recipe = Recipe(splits={"train": 0.6, "validation": 0.4})
    result = build(recipe, entries(given), tmp_path)
    where = defaultdict(set)
    for split in recipe.splits:
        for row in data(result.path, f"{split}.jsonl"):
            where[row["group_id"]].add(split)
    assert len(where) == 20
    assert all(len(splits) == 1 for splits in where.values())
    more = build(recipe, entries([*given, *many(200)]), tmp_path / "more")
    for split in recipe.splits:
        before = {row["id"] for row in data(result.path, f"{split}.jsonl")}
        assert before <= {row["id"] for row in data(more.path, f"{split}.jsonl")}


def test_an_empty_split_gives_no_file_but_is_told(tmp_path: Path) -> None:
    result = build(Recipe(splits={"train": 0.999999, "test": 0.000001}), entries(many(3)), tmp_path)
    assert result.rows == {"train": 3}
    assert result.report["splits"] == {"train": 3, "test": 0}


# ---------------------------------------------------------------- preview


def test_a_preview_shows_the_rows_as_they_would_leave_and_reads_no_more(tmp_path: Path) -> None:
    taken: list[int] = []

    def counted() -> Iterator[Any]:
        for entry in entries(many(100)):
            taken.append(entry[0])
            yield entry

    shown = preview(Recipe(splits=ALL), counted(), 3)
    assert taken == [0, 1, 2]
    assert shown == data(build(Recipe(splits=ALL), entries(many(3)), tmp_path).path)
    assert preview(Recipe(), []) == []


# ---------------------------------------------------------------- where


def test_an_ending_that_no_file_has_is_refused_but_a_folder_of_that_name_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.csv is no ending.*\.jsonl, .*\.zip.*make the folder first"):
        build(Recipe(), entries(many(3)), tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x.csv").mkdir()
    assert build(Recipe(), entries(many(3)), tmp_path / "x.csv").path == tmp_path / "x.csv" / "dataset.zip"
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        build(Recipe(splits=ALL), entries(many(3)), tmp_path / "x.jsonl")


@pytest.mark.parametrize("name", ["x.jsonl", "x.zip", ""])
def test_a_file_that_is_there_is_replaced_only_when_asked_for(tmp_path: Path, name: str) -> None:
    first = build(Recipe(splits=ALL), entries(many(3)), tmp_path / name, replace=False)
    with pytest.raises(InputError, match=r"is there already and stays.*--force"):
        build(Recipe(splits=ALL), entries(many(5)), tmp_path / name, replace=False)
    assert first.size == first.path.stat().st_size
    assert build(Recipe(splits=ALL), entries(many(5)), tmp_path / name, replace=True).rows == {"train": 5}


@pytest.mark.parametrize("ending", [".jsonl", ".zip"])
def test_an_ending_without_a_name_is_refused(tmp_path: Path, ending: str) -> None:
    with pytest.raises(InputError, match=rf"is an ending without a name\. Write for example .*dataset\{ending}\."):
        build(Recipe(), entries(many(3)), tmp_path / "o" / ending)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_comes_while_an_export_is_built_stays(tmp_path: Path) -> None:
    def slow() -> Iterator[Any]:
        yield from entries(many(3))
        (tmp_path / "x.jsonl").write_text("mine")

    with pytest.raises(InputError, match="is there already"):
        build(Recipe(splits=ALL), slow(), tmp_path / "x.jsonl", replace=False)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.jsonl", "mine")]
