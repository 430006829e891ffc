"""Push to stores that fsspec reaches and pull from them; addresses and refusals."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from engine.errors import InputError, StorageError
from engine.exporting.build import build
from engine.publishing.places import HubPlace, StorePlace, place_of
from engine.publishing.pull import data_files, format_of, pull
from engine.publishing.push import push
from engine.types import Container, Recipe
from tests.exporting.export_steps import entries
from tests.samples.trajectories import mixed_trajectories

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return exported(tmp_path / "zip", seed=0)


def exported(folder: Path, seed: int) -> Path:
    recipe = Recipe(format="trajectory", name="shop", splits={"train": 0.5, "validation": 0.5}, seed=seed)
    return build(recipe, entries(mixed_trajectories()), folder).path


def contents(export: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(export) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("hf:me/set", HubPlace("me/set")),
        ("hf:me/set@draft/2", HubPlace("me/set", "draft/2")),
        ("hf://datasets/me/set", HubPlace("me/set")),
        ("s3://bucket/folder/", StorePlace("s3://bucket/folder")),
        ("file:///data/x", StorePlace("file:///data/x")),
    ],
)
def test_an_address_names_a_place(address: str, place: object) -> None:
    assert place_of(address) == place


@pytest.mark.parametrize("address", ["me/set", "hf:me", "hf:me/set/more", "/data/x", "", "hf://models/me/set"])
def test_anything_else_is_refused_with_examples(address: str) -> None:
    with pytest.raises(InputError, match=r"is no address.*hf:USER/NAME"):
        place_of(address)


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_an_export_goes_to_a_store_and_comes_back(export: Path, tmp_path: Path, scheme: str) -> None:
    address = f"{scheme}://{tmp_path}/store/shop"
    assert push(export, address + "/") == address
    pull(address, tmp_path / "back")
    assert files(tmp_path / "back") == contents(export)
    assert [path.name for path in data_files(tmp_path / "back")] == ["train.jsonl", "validation.jsonl"]
    assert format_of(tmp_path / "back") == "trajectory"


def test_the_hashes_lie_beside_the_files(export: Path, tmp_path: Path) -> None:
    push(export, f"file://{tmp_path}/store")
    lines = (tmp_path / "store" / "SHA256SUMS").read_text().splitlines()
    assert lines == [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in sorted(contents(export).items())]


@pytest.mark.parametrize("broken", ["README.md", "train.jsonl"])
def test_a_push_that_broke_off_goes_on_with_what_is_missing(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    store = fsspec.filesystem("file")
    opened: list[str] = []
    plain = type(store).open

    def failing(self: object, path: str, mode: str = "rb", **more: object) -> object:
        if "w" in mode:
            opened.append(Path(path).name)
            if opened.count(broken) == 1 and path.endswith(broken):
                raise OSError("The line was cut.")
        return plain(self, path, mode, **more)

    monkeypatch.setattr(type(store), "open", failing)
    with pytest.raises(StorageError, match=r"The line was cut.*try again"):
        push(export, f"file://{tmp_path}/store")
    push(export, f"file://{tmp_path}/store")
    sent = [name for name in opened if name != "SHA256SUMS"]
    names = ["README.md", "recipe.json", "report.json", "train.jsonl", "validation.jsonl"]
    assert sent == sorted([*names, broken]), "only the one that broke off is sent twice"
    pull(f"file://{tmp_path}/store", tmp_path / "back")
    assert files(tmp_path / "back") == contents(export)


def test_another_export_is_written_over_only_when_asked_for(export: Path, tmp_path: Path) -> None:
    address, other = f"file://{tmp_path}/store", exported(tmp_path / "other", seed=5)
    push(export, address)
    with pytest.raises(InputError, match=r"holds something else already.*--force"):
        push(other, address)
    assert push(other, address, force=True) == address
    pull(address, tmp_path / "back")
    assert files(tmp_path / "back") == contents(other)


def test_shards_come_back_and_those_of_an_earlier_export_are_gone(tmp_path: Path) -> None:
    def sharded(rows: int) -> Path:
        recipe = Recipe(format="trajectory", name="shop", splits={"train": 1.0}, container=Container(shard_rows=rows))
        return build(recipe, entries(mixed_trajectories()), tmp_path / str(rows)).path

    address = f"file://{tmp_path}/store"
    push(sharded(1), address)
    many = len(list((tmp_path / "store").glob("train-*.jsonl")))
    push(sharded(4), address, force=True)
    left = sorted((tmp_path / "store").glob("train-*.jsonl"))
    assert 1 < len(left) < many
    pull(address, tmp_path / "back")
    assert [path.name for path in data_files(tmp_path / "back")] == [path.name for path in left]


@pytest.mark.parametrize("paths", ["[1]", '["a\\0b"]', "[" * 4000, '["/etc/passwd"]', '["../x.jsonl"]', '[""]'])
def test_a_card_with_odd_paths_is_passed_over(tmp_path: Path, paths: str) -> None:
    front = f"---\nconfigs: [{{data_files: [{{path: {paths}}}]}}]\n---\n"
    (tmp_path / "README.md").write_text(front)
    (tmp_path / "rows.jsonl").write_text("{}\n")
    assert [path.name for path in data_files(tmp_path)] == ["rows.jsonl"]


def test_an_address_is_shown_without_its_secrets(export: Path) -> None:
    assert StorePlace("sftp://bob:hunter2@host/data?sig=abc").shown == "sftp://host/data"
    assert StorePlace("s3://bucket/folder").shown == "s3://bucket/folder"


def test_a_folder_that_is_no_export_is_not_sent(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("README.md", ".env"):
        (project / name).write_text("KEY=1")
    with pytest.raises(InputError, match=r"holds no recipe.json"):
        push(project, f"file://{tmp_path}/store")
    for name in ("recipe.json", "report.json"):
        (project / name).write_text("{}")
    with pytest.raises(InputError, match=r"\.env: is hidden"):
        push(project, f"file://{tmp_path}/store")
    assert not (tmp_path / "store").exists()


def test_a_place_with_files_of_others_is_left_alone(export: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "README.md").write_text("mine")
    with pytest.raises(InputError, match=r"something else already, such as README.md"):
        push(export, f"file://{tmp_path}/store")
    assert files(tmp_path / "store") == {"README.md": b"mine"}


def test_a_file_that_changed_at_the_store_is_refused(export: Path, tmp_path: Path) -> None:
    push(export, f"file://{tmp_path}/store")
    (tmp_path / "store" / "train.jsonl").write_text("{}\n")
    with pytest.raises(StorageError, match=r"train.jsonl .* is not what was pushed"):
        pull(f"file://{tmp_path}/store", tmp_path / "back")
    assert not (tmp_path / "back" / "train.jsonl").exists()


def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "SHA256SUMS").write_text(f"{'0' * 64}  ../outside.jsonl\n")
    (tmp_path / "outside.jsonl").write_text("theirs")
    with pytest.raises(InputError, match="outside of its folder"):
        pull(f"file://{tmp_path}/store", tmp_path / "deep" / "back")
    assert not (tmp_path / "deep" / "outside.jsonl").exists()


def test_an_empty_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds nothing\. Check the address"):
        pull(f"file://{tmp_path}/none", tmp_path / "back")


@pytest.mark.parametrize(
    ("address", "told"),
    [("abfs://container/x", "pip install adlfs"), ("nowhere://x/y", "no library knows nowhere://")],
)
def test_a_missing_library_is_named(export: Path, address: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "adlfs", None)
    with pytest.raises(InputError, match=told):
        push(export, address)


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("{}\n")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    for name, told in (
        ("x.jsonl", "cannot be read as a zip"),
        ("empty", "no README.md"),
        ("other.zip", "no README.md"),
    ):
        with pytest.raises(InputError, match=told):
            push(tmp_path / name, "memory://never")
