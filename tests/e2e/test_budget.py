"""In a browser with the engine beside: a spent budget is raised, and a first try does not wait for a large batch."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from engine.types import Budget
from storage.generating import batches
from storage.serving import engines
from tests.e2e.conftest import Studio, ready, until
from tests.samples.batches import batch_of
from tests.samples.models import scripted

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]
SAYS = {"text": "No idea.", "seconds": 0.3, "prompt_tokens": 50, "completion_tokens": 10}


@pytest.fixture(autouse=True)
def _engine_answers(studio_with_engine: Studio) -> None:
    until(lambda: engines.newest(studio_with_engine.database), 60)


def launch(studio: Studio, trajectories: int, **changes: object) -> int:
    teacher = scripted(SAYS)
    batch = batch_of(
        "retail", name=f"of {trajectories}", trajectories=trajectories, teacher="llm",
        models={"teacher": teacher}, sandbox="local", concurrency=2, early_look=False,
    )  # fmt: skip
    return batches.create_batch(studio.database, batch.model_copy(update=changes))


def test_a_spent_budget_is_raised_and_the_batch_goes_on(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    number = launch(studio, 24, budget=Budget(tokens=200))
    page.goto(f"{studio.url}/batch?id={number}")
    expect(page.get_by_role("alert").filter(has_text="tokens budget of 200 is reached")).to_be_visible(timeout=60_000)
    expect(page.locator(f".st-key-resume_{number} button").first).to_be_disabled()
    ready(page)
    page.locator(f".st-key-budget_tokens_{number} input").fill("900000")
    page.locator(f".st-key-budget_resume_{number} button").click()
    expect(page.get_by_text("24 of 24")).to_be_visible(timeout=90_000)
    row = batches.get_batch(studio.database, number)
    assert (row.status, row.batch.budget.tokens) == ("done", 900_000)


def test_a_first_try_is_done_while_a_large_batch_is_at_work(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    large = launch(studio, 5000)
    until(lambda: batches.get_batch(studio.database, large).progress.rejected > 0, 60)
    second, three = launch(studio, 40), launch(studio, 3)
    page.goto(f"{studio.url}/batch?id={three}")
    expect(page.get_by_text("3 of 3")).to_be_visible(timeout=60_000)
    assert batches.get_batch(studio.database, large).status == "running"
    page.goto(f"{studio.url}/batch?id={second}")
    expect(page.get_by_text(f"Waits behind #{large} of 5000")).to_be_visible(timeout=30_000)
    page.get_by_role("link", name=f"Open #{large}").click()
    expect(page.get_by_role("heading", name="of 5000")).to_be_visible()
    for number in (large, second):
        batches.command(studio.database, number, "cancel")
