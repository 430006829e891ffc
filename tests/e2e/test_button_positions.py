"""A drawn button keeps its position, and no message covers one."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page, expect

from pages._ui.routes import url
from storage.generating import batches
from storage.serving.store import SqlStore
from tests.e2e.conftest import Studio, ready, until
from tests.samples.batches import batch_of
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser

FOLLOW = """selector => {
  window.places = [];
  window.following?.disconnect();
  const look = () => {
    const button = document.querySelector(selector);
    if (button) window.places.push(Math.round(button.getBoundingClientRect().left));
  };
  window.following = new MutationObserver(look);
  window.following.observe(document.body, { childList: true, subtree: true, attributes: true });
}"""
LEFT = "() => Math.round(document.querySelector('.st-key-controls').getBoundingClientRect().left)"
COVERED = """() => {
  const boxes = [...document.querySelectorAll('[data-testid="stToast"]')].map(one => one.getBoundingClientRect());
  const met = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return [...document.querySelectorAll('[data-testid="stMainBlockContainer"] :is(button, a, input, textarea, h1)')]
    .filter(one => boxes.some(box => met(box, one.getBoundingClientRect()))).map(one => one.innerText || one.tagName);
}"""
SHOWN = """() => {
  const shown = [...document.querySelectorAll('[data-testid="stToast"]')].filter(one => one.checkVisibility());
  return shown.map(one => one.innerText).join();
}"""


BEYOND = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  const block = main.querySelector('[data-testid="stMainBlockContainer"]');
  const style = getComputedStyle(block);
  const edge = block.getBoundingClientRect().right - parseFloat(style.paddingRight) + 0.5;
  const cut = (one) =>
    getComputedStyle(one).overflowX !== "visible" || (one.parentElement !== block && cut(one.parentElement));
  return [...block.querySelectorAll("*")]
    .filter(one => one.getBoundingClientRect().width && one.getBoundingClientRect().right > edge)
    .filter(one => one.parentElement === block || !cut(one.parentElement))
    .map(one => one.outerHTML.slice(0, 160));
}"""


@pytest.fixture(scope="module")
def batch(studio: Studio) -> int:
    """A batch that nobody works on."""
    return batches.create_batch(studio.database, batch_of("retail", name="Shop", trajectories=9))


def work_on(studio: Studio, batch: int) -> None:
    """Take the batch as an engine does, and let its sandbox be known, so that the page offers another one."""
    store, status = SqlStore(studio.database), batches.get_batch(studio.database, batch).status
    if status == "paused":
        batches.command(studio.database, batch, "resume")
    if status != "running":
        assert store.claim("test", time.time(), 60.0)
        store.pin(batch, "test", "local")
    store.heartbeat(batch, "test", time.time(), 0)


def test_a_drawn_button_of_a_batch_moves_no_more_and_takes_a_click(page: Page, studio: Studio, batch: int) -> None:
    work_on(studio, batch)
    page.goto(f"{studio.url}{url('batch', id=batch)}")
    ready(page)
    resume, another = (page.locator(f".st-key-{name}_{batch} button") for name in ("resume", "sandbox"))
    for _ in range(4):
        expect(page.locator(f".st-key-pause_{batch} button")).to_be_visible()
        expect(resume).to_have_count(0)
        expect(another).to_have_count(0)
        page.evaluate(FOLLOW, f".st-key-resume_{batch} button")
        SqlStore(studio.database).release(batch, "test", "paused", "Paused by the user.")
        expect(another).to_be_visible()
        ready(page)
        left = page.evaluate(LEFT)
        assert set(page.evaluate("() => window.places")) == {left}
        resume.click()
        assert until(lambda: batches.get_batch(studio.database, batch).command == "resume")
        work_on(studio, batch)


@pytest.mark.parametrize("width", [1280, 420])
def test_a_message_covers_nothing_and_the_newest_is_shown(
    browser: Browser, studio: Studio, batch: int, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 860}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{studio.url}{url('domain', id='retail')}")
    ready(page)
    for _ in range(3):
        page.get_by_role("button", name="Save", exact=True).click()
        ready(page)
    expect(page.get_by_test_id("stToast").first).to_contain_text("Nothing has changed")
    assert until(lambda: page.evaluate(COVERED) == [], 2.0), "once they have slid in"
    work_on(studio, batch)
    page.goto(f"{studio.url}{url('batch', id=batch)}")
    ready(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_test_id("stToast").first).to_contain_text("Pausing")
    SqlStore(studio.database).release(batch, "test", "paused", "Paused by the user.")
    expect(page.get_by_test_id("stToast").filter(has_text="Shop: paused")).to_be_visible()
    assert until(lambda: page.evaluate(COVERED) == [], 2.0)
    assert "Shop: paused" in page.evaluate(SHOWN)
    assert "Pausing" not in page.evaluate(SHOWN)
    page.get_by_role("button", name="Resume", exact=True).click(timeout=2_000)
    assert until(lambda: batches.get_batch(studio.database, batch).command == "resume")
    context.close()


@pytest.mark.parametrize("name", ["queue", "batch", "domain"])
def test_a_page_with_a_table_is_not_wider_than_a_narrow_window(
    browser: Browser, studio: Studio, batch: int, name: str
) -> None:
    insert_imported(studio.database, f"for {name}", [refund_trajectory(n) for n in range(3)])
    held = {"batch": {"id": batch + 1}, "domain": {"id": "retail"}}.get(name, {})
    context = browser.new_context(viewport={"width": 420, "height": 860}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{studio.url}{url(name, **held)}")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    ready(page)
    assert page.evaluate(BEYOND) == []
    context.close()
