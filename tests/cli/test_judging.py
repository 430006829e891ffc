"""Judging again in real processes: what a dead judge left is judged, counts once that is chosen, and is given back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.judging.rubric import DEFAULT
from engine.types import Domain, TrajectoryFilter
from storage.database import Database
from storage.generating import batches
from storage.generating.endpoints import save_endpoint
from storage.reviewing import trajectories
from tests.engines import ROOT, surroundings
from tests.samples.batches import batch_of
from tests.samples.models import scripted

YES = {"data": {one.id: "yes" for one in DEFAULT.criteria}}
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    environment = surroundings(tmp_path)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "engine", *arguments]
        return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return call


@pytest.mark.slow
def test_what_a_dead_judge_left_is_judged_again_on_the_command_line(
    db: Database, ledger: Domain, command: Command
) -> None:
    judges = ["rules", "state", "facts", "rubric"]
    dead = scripted({"error": "server"})
    batch = batch_of(ledger, judges=judges, models={"judge": dead}, trajectories=12, concurrency=1, sandbox="local")
    number = str(batches.create_batch(db, batch))
    first = command("resume", number)
    assert first.returncode == 1
    assert "unmeasured 5" in first.stdout
    assert "5 trajectories in a row could not be measured" in first.stdout

    save_endpoint(db, "mended", scripted(YES), based_on=None)
    unmeasured = ("--batch", number, "--status", "unmeasured")
    again = command("rejudge", *unmeasured, "--judge", "rubric", "--endpoint", "mended", "--name", "mended")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "batch 2 'mended': done" in again.stdout
    assert "unmeasured -> kept: 5" in again.stdout
    assert "use-scores 2" in again.stdout
    kept = TrajectoryFilter(statuses=("kept",))
    before = trajectories.count(db, kept)

    used = command("use-scores", "2")
    assert (used.returncode, used.stdout) == (0, "trajectories with other scores now: 5\n")
    assert trajectories.count(db, kept) == before + 5
    one = trajectories.page(db, kept, sort="oldest")[0][0].id
    shown = command("show", str(one)).stdout
    assert "judged again by batch 2 'mended', which counts: kept" in shown
    asked = DEFAULT.criteria[0]
    assert f"rubric.{asked.id}: 1.0 (" in shown
    assert f"      measures: {asked.question}\n" in shown
    assert "      measures: Whether the workspace ended as the reference leaves it" in shown
    undone = command("undo-scores", "2")
    assert (undone.returncode, trajectories.count(db, kept)) == (0, before)
