"""Golden files of targets: the exact rows that each consumer gets of one set, in tests/golden/targets.

After an intended change, look at the difference and write them anew: `python -m tests.targets.test_golden`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.exporting.convert import Conversion
from engine.exporting.target import names
from engine.types import Recipe
from tests.needs import missing
from tests.targets.rows import CONTROL, lines

GOLDEN = Path(__file__).parent.parent / "golden" / "targets"


def file_of(name: str) -> Path:
    return GOLDEN / f"{name.replace('/', '_')}.jsonl"


def written(name: str) -> bytes:
    return b"".join(line + b"\n" for line in lines(name)[0])


@pytest.mark.parametrize("name", names())
def test_the_rows_of_a_target_are_what_they_were(name: str) -> None:
    golden = file_of(name)
    if not golden.exists():
        missing(f"NO GOLDEN FILE {golden.name}: write it with `python -m tests.targets.test_golden`.")
    assert written(name) == golden.read_bytes()


def test_every_golden_file_belongs_to_a_target() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {file_of(name).name for name in names()}


@pytest.mark.parametrize("name", names())
def test_a_text_with_control_tokens_leaves_whole_or_is_counted(name: str) -> None:
    found, report = lines(name)
    text = b"".join(found).decode()
    holds_texts = "turns" not in Conversion(Recipe(target=name)).never_carried
    assert CONTROL in text or report["dropped"] or report["changed"] or not holds_texts


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name in names():
        file_of(name).write_bytes(written(name))
