"""The commands push and pull, over a store on this disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from engine.errors import InputError
from engine.exporting.build import build
from engine.types import ExportOutcome, Recipe
from storage.database import Database
from storage.exporting import exports
from storage.generating import batches
from tests.exporting.export_steps import entries
from tests.samples.trajectories import mixed_trajectories


@pytest.fixture
def home(tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of the database that the commands open, which is that of the test."""
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def exported(folder: Path, **recipe: object) -> Path:
    return build(Recipe(name="shop", **recipe), entries(mixed_trajectories()), folder).path


def test_an_export_of_the_studio_is_pushed_by_its_number_and_pulled_as_batches(home: Path, db: Database) -> None:
    path = exported(home / "exports" / "1", format="trajectory", splits={"train": 0.5, "validation": 0.5})
    number = exports.create_export(db, Recipe(name="shop"))
    exports.finish_export(db, number, ExportOutcome(f"1/{path.name}", 1, "ab", 1, {}))
    address = f"file://{home}/store/shop"
    pushed = call("push", str(number), address)
    assert (pushed.exit_code, pushed.stdout.strip()) == (0, address)
    pulled = call("pull", address, "--name", "back")
    assert pulled.exit_code == 0, pulled.output
    found = {row.name: row.progress.finished for row in batches.list_batches(db)}
    lines = {
        name: len((home / "store" / "shop" / f"{name}.jsonl").read_bytes().splitlines())
        for name in ("train", "validation")
    }
    assert found == {f"back {name}": count for name, count in lines.items()}
    assert not list((home / "pulled").iterdir()), "what was imported is not kept twice"


def test_a_pull_into_a_folder_imports_nothing(home: Path, db: Database) -> None:
    address = f"file://{home}/store"
    call("push", str(exported(home / "zip", target="llamafactory")), address)
    pulled = call("pull", address, "--out", str(home / "here"))
    assert pulled.exit_code == 0
    assert (home / "here" / "dataset_info.json").is_file()
    assert batches.list_batches(db) == []


def test_what_no_importer_is_known_for_asks_for_one(home: Path) -> None:
    address = f"file://{home}/store"
    call("push", str(exported(home / "zip", target="atif")), address)
    refused = call("pull", address)
    assert isinstance(refused.exception, InputError)
    assert "--format" in str(refused.exception)


@pytest.mark.parametrize(("named", "told"), [("77", "no finished export"), ("nothing.zip", "is not there")])
def test_an_unknown_export_is_told(home: Path, named: str, told: str) -> None:
    refused = call("push", named, "memory://x")
    assert isinstance(refused.exception, InputError)
    assert told in str(refused.exception)
