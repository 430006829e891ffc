"""The rows of every target that `datasets` reads, loaded by three versions of it in each way that it has.

`make test` installs the older versions beside the environment, in .venv/datasets-VERSION (see the Makefile).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.exporting.build import build
from engine.exporting.target import DATASETS_TRIED, datasets_line, find, names, newer_datasets_lines
from engine.types import Recipe, Trajectory
from tests.exporting.export_steps import entries
from tests.needs import missing
from tests.samples.trajectories import attempts
from tests.samples.turns import assistant_turn, calling_turn, result_turn, user_turn
from tests.targets.rows import REVIEWS, dialogues

ROOT = Path(__file__).resolve().parents[2]
LOADED = [name for name in names() if find(name).datasets]
ANY = [name for name in LOADED if find(name).datasets == "4.0"]
LARGE = str(2**70)
NEWER = [name for name in LOADED if name not in ANY]


def given_dialogues() -> list[Trajectory]:
    """Return the set of all targets, and attempts whose calls make the types of one argument clash on either side."""
    asked, answered = user_turn("Set it."), result_turn("b", "set_price", "ok")
    right, wrong = (calling_turn(("b", "set_price", {"value": value})) for value in ("nine", 9))
    good = asked, right, answered, assistant_turn("Done.")
    return [*dialogues(), *attempts("task-mixed", 300, good, (asked, wrong, answered, assistant_turn("No.")))]


def path_of(version: str) -> list[str]:
    """Return the folders that a process needs on its path for a version of `datasets`; skip the test without it."""
    if importlib.metadata.version("datasets") == version:
        return [str(ROOT)]
    folder = Path(os.environ.get("DATASETS_VERSIONS", sys.prefix)) / f"datasets-{version}"
    if not folder.is_dir():
        missing(f"NO datasets {version}: `make test` installs it in {folder.name} of the environment.")
    return [str(folder), str(ROOT)]


def parted(value: Any) -> Any:
    """Return a value without what Arrow adds, nulls for keys that an object lacks."""
    if isinstance(value, dict):
        return {key: parted(one) for key, one in value.items() if one is not None}
    return [parted(one) for one in value] if isinstance(value, list) else value


def without_large_integers(given: Sequence[Trajectory]) -> list[Trajectory]:
    """Return the dialogues without those in which an argument is an integer beyond 64 bits."""
    return [one for one in given if LARGE not in one.model_dump_json()]


def loaded(
    version: str, targets: Sequence[str], folder: Path, said: Sequence[Trajectory]
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return (what a version made of the files of targets, the rows of each as they left)."""
    given, rows = [], {}
    for name in targets:
        stem = name.replace("/", "_")
        lines, columns = folder / f"{stem}.jsonl", folder / f"{stem}.parquet"
        made = Recipe(target=name, splits={"train": 1.0})
        build(made, entries(said, REVIEWS), lines)
        has_columns = "parquet" in find(name).containers
        if has_columns:
            build(made, entries(said, REVIEWS), columns)
        given.append([name, str(lines), str(columns) if has_columns else None])
        rows[name] = [json.loads(line) for line in lines.read_text().split("\n") if line]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    environment |= {"HF_HOME": str(folder / "hub"), "PYTHONPATH": os.pathsep.join(path_of(version))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.targets.load_datasets"],
        input=json.dumps(given), capture_output=True, text=True, check=False, timeout=240, env=environment, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["version"] == version
    return told["results"], rows


@pytest.mark.long
@pytest.mark.parametrize("version", DATASETS_TRIED)
def test_every_version_reads_what_leaves_in_every_way(version: str, tmp_path: Path) -> None:
    assert len(ANY) >= 10
    results, rows = loaded(version, ANY, tmp_path, given_dialogues())
    for name, found in results.items():
        assert set(found) == {"json", "from_list", "parquet"}
        for way, came in found.items():
            assert not isinstance(came, str), f"{name} by {way}: {came}"
            assert parted(came) == parted(rows[name]), f"{name} by {way}"


@pytest.mark.long
@pytest.mark.parametrize("version", DATASETS_TRIED)
def test_targets_that_need_objects_load_with_newer_versions_only(version: str, tmp_path: Path) -> None:
    results, rows = loaded(version, NEWER, tmp_path, without_large_integers(given_dialogues()))
    assert set(results) >= {"trl", "trl/dpo", "trl/kto"}
    is_new = version >= "4.7"
    for name, found in results.items():
        for way, came in found.items():
            if is_new:
                assert not isinstance(came, str), f"{name} by {way}: {came}"
                assert parted(came) == parted(rows[name]), f"{name} by {way}"
            else:
                assert isinstance(came, str), f"{name} by {way} loads: the card says that it does not"


@pytest.mark.long
def test_an_integer_beyond_64_bits_is_refused_as_the_card_says(tmp_path: Path) -> None:
    results, _ = loaded("5.2.0", ["trl"], tmp_path, given_dialogues())
    assert "too big" in results["trl"]["json"]


def test_card_and_check_name_the_versions() -> None:
    assert "4.7 or newer (tried: 4.0.0, 4.3.0, 5.2.0). Older ones refuse" in datasets_line(find("trl"))
    assert datasets_line(find("axolotl")).endswith("4.0 or newer (tried: 4.0.0, 4.3.0, 5.2.0).")
    (line,) = newer_datasets_lines()
    assert line.startswith("4.7 or newer for ")
    assert set(line.removeprefix("4.7 or newer for ").split(", ")) == set(NEWER)
