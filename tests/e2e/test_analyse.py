"""Overview and analysis in the browser: from nothing to a finished batch, and from a bar to its trajectories."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from engine.types import TrajectoryFilter
from storage.generating.batches import list_batches
from storage.reviewing.trajectories import count
from tests.e2e.conftest import Studio, ready, until
from tests.e2e.controls import click_bar
from tests.samples.trajectories import never_started, refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser

Shoot = Callable[[str], Path]


@pytest.fixture(scope="module")
def filled(studio: Studio) -> Studio:
    """A studio with forty trajectories of two domains and one that never started."""
    small = [refund_trajectory(n, rounds=1, domain=("retail", "clinic")[n % 4 == 0]) for n in range(40)]
    insert_imported(studio.database, "first", [*small, never_started(90)])
    insert_imported(studio.database, "second", [refund_trajectory(n, rounds=2) for n in range(10)])
    return studio


def test_a_bar_of_the_histogram_opens_its_trajectories(page: Page, filled: Studio, screenshot: Shoot) -> None:
    page.goto(f"{filled.url}/scores")
    ready(page)
    bars = page.locator(".st-key-panel_distribution .bars .point path")
    expect(bars).to_have_count(20)
    screenshot("scores")
    click_bar(page, bars.last)
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expected = count(filled.database, TrajectoryFilter(min_reward=0.95))
    assert expected > 1
    expect(page.get_by_text(f"0 of {expected} reviewed")).to_be_visible()


def test_a_bar_of_the_breakdown_opens_its_trajectories_under_the_filter(page: Page, filled: Studio) -> None:
    page.goto(f"{filled.url}/scores?outcomes=Success")
    ready(page)
    bars = page.locator(".st-key-panel_breakdown .bars .point path")
    click_bar(page, bars.first)
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expected = count(filled.database, TrajectoryFilter(domains=("retail",), outcomes=("success",), statuses=("kept",)))
    expect(page.get_by_text(f"0 of {expected} reviewed")).to_be_visible()


def test_a_reason_of_the_funnel_opens_what_was_lost(page: Page, filled: Studio, screenshot: Shoot) -> None:
    page.goto(f"{filled.url}/funnel")
    ready(page)
    expect(page.locator(".st-key-panel_reasons").get_by_text("Passes untouched")).to_be_visible()
    screenshot("funnel")
    click_bar(page, page.locator(".st-key-panel_reasons .bars .point path").first)
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expect(page.get_by_text("0 of 1 reviewed")).to_be_visible()


def test_a_stage_of_the_funnel_opens_what_came_through_and_a_reload_keeps_it(
    page: Page, filled: Studio, screenshot: Shoot
) -> None:
    page.goto(f"{filled.url}/funnel")
    ready(page)
    click_bar(page, page.locator(".st-key-panel_funnel .bars .point path").nth(3))
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expected = count(filled.database, TrajectoryFilter(reached="rules"))
    assert 0 < expected < count(filled.database, TrajectoryFilter())
    told = page.get_by_text(f"0 of {expected} reviewed")
    expect(told).to_be_visible()
    page.reload()
    ready(page)
    expect(told).to_be_visible()
    page.goto(page.url + "&exported=Not+exported")
    ready(page)
    expect(told).to_be_visible()
    page.get_by_role("button", name="More filters (2)").click()
    expect(page.locator(".st-key-exported")).to_contain_text("Exported")
    screenshot("filters-more")


def test_two_batches_are_compared_and_the_address_keeps_it(page: Page, filled: Studio) -> None:
    page.goto(f"{filled.url}/scores")
    ready(page)
    for name in ("#1 first", "#2 second"):
        page.locator(".st-key-compare input").click()
        page.get_by_role("option", name=name).click()
    page.keyboard.press("Escape")
    legend = page.locator(".st-key-panel_distribution .legend")
    expect(legend).to_contain_text("#2 second")
    page.reload()
    ready(page)
    expect(legend).to_contain_text("#1 first")
    expect(legend).to_contain_text("#2 second")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["overview", "scores", "funnel"])
def test_nothing_is_wider_than_a_narrow_page(
    page: Page, filled: Studio, screenshot: Shoot, name: str, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"{filled.url}/{'' if name == 'overview' else name}")
    ready(page)
    wide = page.evaluate(
        "() => { const main = document.querySelector('[data-testid=stMain]');"
        " return main.scrollWidth - main.clientWidth; }"
    )
    assert wide <= 1
    screenshot(f"narrow-{name}-{scheme}")


def test_a_newcomer_gets_from_nothing_to_a_finished_batch(
    page: Page, studio_with_engine: Studio, screenshot: Shoot
) -> None:
    studio = studio_with_engine
    page.goto(studio.url)
    ready(page)
    expect(page.get_by_text("0 of 6 done")).to_be_visible()
    screenshot("overview-empty")
    page.get_by_role("button", name="Launch a first batch").click()
    expect(page.get_by_role("heading", name="first batch")).to_be_visible()
    until(lambda: [row.status for row in list_batches(studio.database)] == ["done"], 240)
    (row,) = list_batches(studio.database)
    p = row.progress
    assert (p.planned, p.kept + p.rejected + p.failed) == (20, 20)
    assert p.kept > 0
    page.get_by_test_id("stSidebarNav").get_by_text("Overview").click()
    ready(page)
    expect(page.get_by_text("20 of 20 trajectories finished.")).to_be_visible()
    expect(page.get_by_text("2 of 6 done")).to_be_visible()
    screenshot("overview")
    page.get_by_role("link", name="Open the next one").click()
    expect(page.get_by_role("heading", name=re.compile(r"Trajectory \d+"))).to_be_visible()
