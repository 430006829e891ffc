"""No click is lost and none is done twice, whenever it falls.

Clicks of every kind at random moments, while the page polls, a batch runs and another process keeps one core busy.
Asserted by what is stored, or where nothing is, by what the page shows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from engine.types import Endpoint
from storage.generating import batches
from storage.serving import engines
from tests.e2e.button_kinds import KINDS, Ground, Kind
from tests.e2e.conftest import Studio, running, until
from tests.samples.batches import batch_of
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser

PATIENCE = 20.0
"""Seconds after which a click counts as lost: a busy machine may take its time, what is lost never comes."""

EACH = int(os.environ.get("TURNWRIGHT_CLICKS", "200"))
"""How often each kind of button is pressed in the long form."""


@pytest.fixture(scope="module")
def busy() -> Iterator[None]:
    """A process that keeps one core busy; of several test processes only the first starts it."""
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory, busy: None) -> Iterator[tuple[Studio, int]]:
    """A studio whose engine works on a batch without end."""
    for studio in running(tmp_path_factory.mktemp("clicks"), engine=True, kind="clicks"):
        yield studio, put_to_work(studio)


def put_to_work(studio: Studio) -> int:
    """Return a batch that the studio's engine works on for longer than any test."""
    insert_imported(studio.database, "clicks", [refund_trajectory(n, rounds=1) for n in range(60)])
    until(lambda: engines.newest(studio.database), 60)
    slow = Endpoint(model="slow", llm="scripted", options={"follow": "tools", "seconds": 0.5})
    batch = batch_of(
        "retail", name="slow", trajectories=50_000, teacher="llm", sandbox="local",
        models={"teacher": slow}, concurrency=1, keep_failures=True, allow_unisolated_commands=True,
    )  # fmt: skip
    number = batches.create_batch(studio.database, batch)
    until(lambda: batches.get_batch(studio.database, number).progress.running > 0, 60)
    return number


def clicks(ground: Ground, kind: Kind, times: int) -> list[str]:
    """Press so many times at random moments; return what went wrong."""
    ground.seen.clear()
    kind.go(ground)
    wrong, began = [], time.monotonic()
    for number in range(-(-times // kind.clicks)):
        before = kind.effect(ground)
        time.sleep(ground.dice.uniform(0, 0.25))
        kind.press(ground)
        try:
            until(lambda before=before: kind.effect(ground) != before, PATIENCE)
        except AssertionError:
            wrong.append(f"click {number} is lost")
            kind.go(ground)
            continue
        after = kind.effect(ground)
        if abs(after - before) > 1:
            wrong.append(f"click {number} was done {abs(after - before)} times")
    time.sleep(1)
    print(f"{times} clicks in {time.monotonic() - began:.0f} s", flush=True)
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_two_hundred_clicks_at_random_moments(page: Page, at_work: tuple[Studio, int]) -> None:
    ground = Ground(at_work[0], page, at_work[1])
    wrong = {name: clicks(ground, kind, -(-200 // len(KINDS))) for name, kind in KINDS.items()}
    assert {name: told for name, told in wrong.items() if told} == {}


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", KINDS)
def test_many_clicks_on_each_kind(page: Page, at_work: tuple[Studio, int], name: str) -> None:
    assert clicks(Ground(at_work[0], page, at_work[1]), KINDS[name], EACH) == []
