"""Faults while people work: processes killed, browsers closed, two people at one thing.

The batches are real ones: an engine process, real sandboxes, and a scripted teacher that takes its time.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from engine.types import Endpoint, TrajectoryFilter
from storage.designing import personas
from storage.generating import batches
from storage.reviewing import trajectories
from storage.serving import engines
from tests.e2e.conftest import Studio, opened, ready, until
from tests.samples.batches import batch_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

NUMBER = 24


@pytest.fixture
def slow_batch(studio_with_engine: Studio) -> Iterator[int]:
    """A batch of NUMBER that takes some fifteen seconds; afterwards no engine is left that a dead studio started."""
    db = studio_with_engine.database
    until(lambda: engines.newest(db), 60)
    teacher = Endpoint(model="slow", llm="scripted", options={"follow": "tools", "seconds": 0.5})
    yield batches.create_batch(
        db,
        batch_of(
            "retail", name="slow", trajectories=NUMBER, teacher="llm", sandbox="local",
            models={"teacher": teacher}, concurrency=3, keep_failures=True,
        ),
    )  # fmt: skip
    for row in engines.engines(db)[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(row.pid, signal.SIGTERM)


def under_way(studio: Studio, number: int) -> None:
    """Wait until some of the batch is stored; much of it must still be to come."""
    until(lambda: batches.get_batch(studio.database, number).progress.kept > 2, 90)
    assert batches.get_batch(studio.database, number).progress.kept < NUMBER - 5


def ends_whole(studio: Studio, number: int) -> None:
    """Wait for the end of the batch; every rollout of the plan must be there once."""
    until(lambda: batches.get_batch(studio.database, number).status in ("done", "failed", "cancelled"), 150)
    row = batches.get_batch(studio.database, number)
    assert (row.status, row.progress.kept + row.progress.rejected + row.progress.failed) == ("done", NUMBER)
    rows, total = trajectories.page(studio.database, TrajectoryFilter(batches=(number,)), limit=500)
    kept = {record.id for one in rows if (record := trajectories.get(studio.database, one.id))}
    assert total == len(kept) == NUMBER


def visit(page: Page, address: str) -> Page:
    page.goto(address)
    ready(page)
    page.locator("[data-testid=stMain] h1, [data-testid=stMain] h2").first.wait_for()
    return page


def test_the_studio_killed_mid_batch_comes_back_and_the_batch_goes_on(
    studio_with_engine: Studio, page: Page, slow_batch: int
) -> None:
    studio = studio_with_engine
    visit(page, f"{studio.url}/batch?id={slow_batch}")
    under_way(studio, slow_batch)
    assert studio.process is not None
    studio.process.kill()
    studio.process.wait()
    expect(page.get_by_text("Connection error").or_(page.get_by_test_id("stStatusWidget")).first).to_be_visible()
    studio.start()
    ends_whole(studio, slow_batch)
    expect(page.get_by_text(f"{NUMBER} of {NUMBER}")).to_be_visible(timeout=60_000)
    assert page.url.endswith(f"/batch?id={slow_batch}")


def test_the_engine_killed_with_every_browser_closed_is_replaced(
    studio_with_engine: Studio, browser: Browser, slow_batch: int
) -> None:
    studio = studio_with_engine
    with opened(browser) as context:
        visit(context.new_page(), f"{studio.url}/batch?id={slow_batch}")
        under_way(studio, slow_batch)
    first = engines.newest(studio.database)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    ends_whole(studio, slow_batch)
    second = engines.newest(studio.database)
    assert second is not None
    assert second.pid != first.pid


def test_the_later_of_two_people_at_one_persona_is_told(
    studio_with_engine: Studio, browser: Browser, page: Page
) -> None:
    studio = studio_with_engine
    row = personas.list_personas(studio.database)[0]
    other_context: BrowserContext = browser.new_context(viewport={"width": 1440, "height": 900})
    other = other_context.new_page()
    for tab, text in ((page, "You came first."), (other, "You came second.")):
        visit(tab, f"{studio.url}/personas")
        tab.get_by_role("button", name="Edit").first.click()
        description = tab.get_by_role("dialog").get_by_label("Description")
        description.fill(text)
        description.press("Tab")
        ready(tab)

    def stored() -> str:
        (same,) = [r for r in personas.list_personas(studio.database) if r.persona.id == row.persona.id]
        return same.persona.description

    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    until(lambda: stored() == "You came first.", 20)
    other.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(other.get_by_text(re.compile("Your text is kept")).first).to_be_visible()
    assert stored() == "You came first."
    expect(other.get_by_role("dialog").get_by_label("Description")).to_have_value("You came second.")
    other_context.close()
