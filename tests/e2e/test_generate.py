"""Batches in a browser, with the engine beside: launch, watch, command, files, faults."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from engine.types import Batch, DomainShare, Endpoint, TrajectoryFilter
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving import engines
from tests.e2e.conftest import Studio, ready, until
from tests.e2e.controls import fill
from tests.samples.batches import batch_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]
ENDED = ("done", "failed", "cancelled")


@pytest.fixture(autouse=True)
def _engine_answers(studio_with_engine: Studio) -> None:
    until(lambda: engines.newest(studio_with_engine.database), 60)


def visit(page: Page, address: str) -> Page:
    page.goto(address)
    ready(page)
    return page


def batch_number(page: Page) -> int:
    page.wait_for_url(re.compile(r"/batch\?id=\d+"))
    ready(page)
    return int(page.url.rsplit("=", 1)[1])


def slow_batch(studio: Studio, number: int, seconds: float = 0.2) -> int:
    """Queue a batch whose scripted teacher takes its time."""
    teacher = Endpoint(model="slow", llm="scripted", options={"follow": "tools", "seconds": seconds})
    return batches.create_batch(
        studio.database,
        batch_of(
            "retail", name="slow", trajectories=number, teacher="llm", sandbox="local",
            models={"teacher": teacher}, concurrency=2, keep_failures=True, allow_unisolated_commands=True,
        ),
    )  # fmt: skip


@contextlib.contextmanager
def no_next_engine(studio: Studio, engine: int) -> Iterator[None]:
    """Take over the engine's lock when it ends, so that the studio starts the next engine only after the block."""
    (path,) = (path for path in studio.home.glob("engine-*.lock") if path.read_text().split()[:1] == [str(engine)])
    with path.open("rb") as lock:
        waiting = threading.Thread(target=fcntl.flock, args=(lock, fcntl.LOCK_EX), daemon=True)
        waiting.start()
        until(lambda: any("->" in line and str(os.getpid()) in line for line in locks()), 10)  # first in line
        yield
        waiting.join(10)
        assert not waiting.is_alive()


def locks() -> list[list[str]]:
    """The locks of this machine and who waits for them, in words: `1: -> FLOCK ADVISORY WRITE <pid> …` waits."""
    return [line.split() for line in Path("/proc/locks").read_text().splitlines()]


def adds_up(studio: Studio, number: int) -> bool:
    p = batches.get_batch(studio.database, number).progress
    return p.planned == p.kept + p.rejected + p.failed + p.running + p.waiting


def test_three_first_then_the_whole_batch(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    visit(page, f"{studio.url}/new-batch")
    fill(page, "batch_name", "from the form")
    fill(page, "batch_trajectories", "9")
    page.get_by_role("button", name="Try 3 first").click()
    first = batch_number(page)
    expect(page.get_by_test_id("stProgress").get_by_text("3 of 3")).to_be_visible(timeout=90_000)
    page.get_by_role("link", name="New batch").first.click()
    page.wait_for_url(re.compile("new-batch"))
    ready(page)
    expect(page.locator(".st-key-batch_name input")).to_have_value("from the form")
    page.locator(".st-key-launch button").click()
    second = batch_number(page)
    assert second != first
    expect(page.get_by_text("9 of 9")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("link", name="Launch again")).to_be_visible()
    page.reload()
    ready(page)
    expect(page.get_by_text("9 of 9")).to_be_visible()
    page.locator('[data-testid="stMain"]').get_by_role("link", name="Launch again").click()
    page.wait_for_url(re.compile(r"new-batch\?like="))
    ready(page)
    for _ in range(2):
        expect(page.locator(".st-key-batch_trajectories input")).to_have_value("9")
        page.reload()
        ready(page)


def test_a_batch_file_is_launched_and_a_broken_one_refused(studio_with_engine: Studio, page: Page) -> None:
    visit(page, f"{studio_with_engine.url}/new-batch")
    page.get_by_text("Start from a YAML or TOML file").click()
    upload = page.locator('[data-testid="stFileUploaderDropzoneInput"]').first
    for name, text, told in (
        ("a.yaml", "domains: [retail\ntrajectories: 3\n", "a.yaml line 2"),
        ("b.yaml", "domains: [retail]\ntrajectories: many\n", "b.yaml line 2: trajectories"),
        ("c.toml", 'domains = ["retail"\n', "c.toml"),
        ("d.yaml", "domains: [nowhere]\n", "nowhere"),
    ):
        upload.set_input_files({"name": name, "mimeType": "text/plain", "buffer": text.encode()})
        expect(page.get_by_role("alert").filter(has_text=told).first).to_be_visible()
    text = b'name = "from a file"\ndomains = ["clinic"]\ntrajectories = 4\nsandbox = "local"\n'
    upload.set_input_files({"name": "e.toml", "mimeType": "text/plain", "buffer": text})
    expect(page.get_by_text("name: from a file")).to_be_visible()
    ready(page)
    page.get_by_role("button", name="Fill in the form").first.click()
    expect(page.locator(".st-key-batch_name input")).to_have_value("from a file")
    expect(page.locator(".st-key-batch_trajectories input")).to_have_value("4")
    ready(page)
    page.get_by_role("button", name="Launch this file").first.click()
    batch_number(page)
    expect(page.get_by_text("4 of 4")).to_be_visible(timeout=90_000)


def test_pause_resume_and_cancel(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    number = slow_batch(studio, 60)
    visit(page, f"{studio.url}/batch?id={number}")
    until(lambda: batches.get_batch(studio.database, number).status == "running", 60)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=60_000)
    assert batches.get_batch(studio.database, number).status == "paused"
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel the batch").click()
    until(lambda: batches.get_batch(studio.database, number).status == "cancelled", 60)
    assert adds_up(studio, number)
    p = batches.get_batch(studio.database, number).progress
    stored = trajectories.count(studio.database, TrajectoryFilter(batches=(number,)))
    assert 0 < stored == p.kept + p.rejected + p.failed < p.planned == 60, "what is finished stays"
    expect(page.get_by_text(f"{stored} of 60")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete the batch").click()
    page.wait_for_url(re.compile("/batches"))
    assert number not in [row.id for row in batches.list_batches(studio.database)]


def test_a_missing_key_fails_the_batch_at_once_naming_the_setting(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    teacher = Endpoint(model="m", llm="scripted", options={"follow": "tools"}, key_variable="NO_SUCH_KEY_HERE")
    share = (DomainShare(id="retail"),)
    batch = Batch(name="keyless", domains=share, trajectories=50, teacher="llm", models={"teacher": teacher})
    number = batches.create_batch(studio.database, batch)
    visit(page, f"{studio.url}/batch?id={number}")
    alert = page.get_by_role("alert").filter(has_text="NO_SUCH_KEY_HERE")
    expect(alert).to_be_visible(timeout=60_000)
    assert batches.get_batch(studio.database, number).status == "failed"


def test_a_dead_model_server_pauses_and_the_failed_are_tried_again(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    dead = Endpoint(model="m", llm="openai_compatible", api_base="http://127.0.0.1:9/v1", attempts=1)
    share, models = (DomainShare(id="retail"),), {"teacher": dead}
    batch = Batch(name="dead", domains=share, trajectories=60, teacher="llm", models=models, sandbox="local")
    number = batches.create_batch(studio.database, batch)
    visit(page, f"{studio.url}/batch?id={number}")
    expect(page.get_by_role("alert").filter(has_text="in a row failed")).to_be_visible(timeout=60_000)
    row = batches.get_batch(studio.database, number)
    assert row.status == "paused"
    first = {one.id for one in batches.latest(studio.database, number, 60) if one.status == "failed"}
    assert len(first) == row.progress.failed >= 10
    page.get_by_role("button", name=f"Retry the failed ones ({row.progress.failed})").click()
    until(lambda: not first & {one.id for one in batches.latest(studio.database, number, 60)}, 30)
    until(
        lambda: (now := batches.get_batch(studio.database, number)).status == "paused" and now.progress.failed >= 10, 90
    )
    assert adds_up(studio, number)


def test_another_sandbox_is_taken_only_after_a_question(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    number = slow_batch(studio, 40)
    visit(page, f"{studio.url}/batch?id={number}")
    until(lambda: batches.get_batch(studio.database, number).progress.running > 0, 60)
    page.get_by_role("button", name="Pause").click()
    another, dialog = page.get_by_role("button", name="Another sandbox"), page.get_by_role("dialog")
    expect(another).to_be_visible(timeout=60_000)
    another.click()
    expect(dialog.get_by_text("began in the local sandbox")).to_be_visible()
    dialog.get_by_role("button", name="Leave it").click()
    expect(dialog).to_have_count(0)
    row = batches.get_batch(studio.database, number)
    assert (row.status, row.sandbox) == ("paused", "local")
    another.click()
    dialog.get_by_role("button", name="Resume in docker").click()
    expect(dialog).to_have_count(0)
    until(lambda: batches.get_batch(studio.database, number).sandbox == "docker", 30)
    expect(page.get_by_text("sandbox docker:")).to_be_visible()
    batches.command(studio.database, number, "cancel")


def test_loss_reasons_lead_to_their_trajectories(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    teacher = Endpoint(model="m", llm="scripted", options={"follow": "tools", "text": "No idea."})
    share = (DomainShare(id="retail"),)
    batch = Batch(name="lossy", domains=share, trajectories=6, teacher="llm", models={"teacher": teacher})
    number = batches.create_batch(studio.database, batch)
    until(lambda: batches.get_batch(studio.database, number).status == "done", 90)
    visit(page, f"{studio.url}/batch?id={number}")
    _, _, times = batches.losses(studio.database, number)[0]
    page.get_by_role("link", name=re.compile(rf": {times} \(")).first.click()
    page.wait_for_url(re.compile("/queue"))
    ready(page)
    noun = "trajectory" if times == 1 else "trajectories"
    expect(page.get_by_text(re.compile(rf"\b{times} {noun}")).first).to_be_visible()


def test_a_killed_engine_is_told_and_the_batch_finishes(
    studio_with_engine: Studio, page: Page, context: BrowserContext
) -> None:
    studio = studio_with_engine
    number = slow_batch(studio, 24)
    visit(page, f"{studio.url}/batch?id={number}")
    until(lambda: batches.get_batch(studio.database, number).progress.kept
          + batches.get_batch(studio.database, number).progress.rejected > 2, 60)  # fmt: skip
    engine = engines.newest(studio.database)
    assert engine is not None
    with no_next_engine(studio, engine.pid):
        os.kill(engine.pid, signal.SIGKILL)
        expect(page.get_by_role("alert").filter(has_text="No heartbeat since")).to_be_visible(timeout=30_000)
        second = visit(context.new_page(), f"{studio.url}/batch?id={number}")
        expect(second.get_by_text("of 24").first).to_be_visible()
        second.close()
    page.goto("about:blank")
    until(lambda: batches.get_batch(studio.database, number).status in ENDED, 120)
    row = batches.get_batch(studio.database, number)
    assert row.status == "done"
    assert row.progress.kept + row.progress.rejected + row.progress.failed == 24
    visit(page, f"{studio.url}/batch?id={number}")
    expect(page.get_by_text("24 of 24")).to_be_visible()
    assert engines.newest(studio.database) != engine
