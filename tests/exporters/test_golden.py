"""Golden files: the exact bytes of each export of the mixed set.

After an intended change, look at the difference and write them anew: `python -m tests.exporters.test_golden`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import plugins
from engine.exporting.json import dump_bytes
from tests.exporting.export_steps import exported
from tests.needs import missing
from tests.samples.trajectories import mixed_trajectories

GOLDEN = Path(__file__).parent.parent / "golden"
FORMATS = plugins.names("exporters")


def lines(name: str) -> bytes:
    return b"".join(dump_bytes(row) + b"\n" for row in exported(name, mixed_trajectories())[0])


@pytest.mark.parametrize("name", FORMATS)
def test_the_export_is_what_it_was(name: str) -> None:
    golden = GOLDEN / f"{name}.jsonl"
    if not golden.exists():
        missing(f"NO GOLDEN FILE {golden.name}: write it with `python -m tests.exporters.test_golden`.")
    assert lines(name) == golden.read_bytes()


def test_records_of_the_schema_before_are_read_as_those_of_today() -> None:
    """trajectory_1.jsonl is the golden file of `turnwright/trajectory/1`, as it was; nothing writes it anew."""
    importer = plugins.load("importers", "trajectory")
    before, now = (
        list(importer.make(importer.config()).trajectories((GOLDEN / name).open("rb"), name))
        for name in ("trajectory_1.jsonl", "trajectory.jsonl")
    )
    assert before == now
    assert b"".join(dump_bytes(row) + b"\n" for row in exported("trajectory", before)[0]) == lines("trajectory")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name in FORMATS:
        (GOLDEN / f"{name}.jsonl").write_bytes(lines(name))
