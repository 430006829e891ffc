"""Reviewing in the browser: the queue, the turn viewer by keyboard, undo, corrections, and hostile trajectories."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from pages.review.parts.reviewer import REVIEWER
from storage.reviewing.reviews import history, reviews_of
from tests.e2e.conftest import Studio, Watch, ready, until
from tests.samples.trajectories import never_started, refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser

LONG, HOSTILE = 41, 42


@pytest.fixture(scope="module", autouse=True)
def stored(studio: Studio) -> None:
    """Forty small trajectories, then a long one (61 turns), a hostile one and one that never started."""
    small = [refund_trajectory(n, rounds=1, domain=("retail", "clinic")[n % 2]) for n in range(40)]
    insert_imported(
        studio.database,
        "e2e",
        [*small, refund_trajectory(90, rounds=12), refund_trajectory(91, hostile=True, rounds=1), never_started(92)],
    )


def ratings(studio: Studio, number: int) -> dict[int | None, int | None]:
    return {r.turn: r.rating for r in reviews_of(studio.database, number) if r.reviewer == REVIEWER}


def verdicts(studio: Studio, number: int) -> dict[int | None, str | None]:
    return {r.turn: r.verdict for r in reviews_of(studio.database, number) if r.reviewer == REVIEWER}


def open_trajectory(page: Page, studio: Studio, number: int) -> None:
    page.goto(f"{studio.url}/trajectory?id={number}")
    ready(page)
    expect(page.locator(".viewer .turn").first).to_be_visible()


def burst(page: Page, keys: list[str]) -> None:
    """Press keys with no gap at all, as one task of the page."""
    page.evaluate(
        "keys => keys.forEach(key => document.body.dispatchEvent("
        "new KeyboardEvent('keydown', {key, bubbles: true, composed: true})))",
        keys,
    )


def test_a_burst_of_thirty_ratings_loses_none(page: Page, studio: Studio, screenshot: Callable[[str], Path]) -> None:
    open_trajectory(page, studio, LONG)
    keys = [key for n in range(30) for key in (str(n % 5 + 1), "j")]
    burst(page, keys)
    expect(page.locator(".status")).to_contain_text("Turn 30")
    expect(page.locator(".status")).to_contain_text("Saved")
    assert until(lambda: len(ratings(studio, LONG)) == 30)
    assert ratings(studio, LONG) == {n: n % 5 + 1 for n in range(30)}
    screenshot("review-burst")
    page.reload()
    ready(page)
    expect(page.locator("#turn-29 .marks")).to_have_text("5 of 5")


def test_ratings_pressed_right_before_leaving_are_kept(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 1)
    burst(page, ["4", "j", "3", "j", "2"])
    page.get_by_test_id("stSidebarNav").get_by_text("Queue").click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    assert until(lambda: ratings(studio, 1) == {0: 4, 1: 3, 2: 2})


def test_a_link_followed_in_the_same_moment_takes_no_rating_along(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 8)
    page.evaluate(
        "keys => { for (const key of keys) document.body.dispatchEvent("
        "new KeyboardEvent('keydown', {key, bubbles: true, composed: true}));"
        ' document.querySelector(\'[data-testid="stSidebarNav"] a[href$="/queue"]\').click(); }',
        ["4", "j", "3", "j", "2"],
    )
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    assert ratings(studio, 8) == {0: 4, 1: 3, 2: 2}, "the page changes after the ratings are stored"


def test_ratings_pressed_right_before_closing_the_tab_come_back(
    context: BrowserContext, page: Page, studio: Studio
) -> None:
    open_trajectory(page, studio, 4)
    burst(page, ["4", "j", "3", "j", "2"])
    page.close()
    later = context.new_page()
    open_trajectory(later, studio, 6)
    assert until(lambda: ratings(studio, 4) == {0: 4, 1: 3, 2: 2}, 20)
    assert ratings(studio, 6) == {}


def test_ratings_pressed_right_before_the_next_trajectory_stay_with_theirs(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 20)
    burst(page, ["j", "5", "j", "1"])
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Trajectory 19")).to_be_visible()
    assert until(lambda: ratings(studio, 20) == {1: 5, 2: 1})
    assert ratings(studio, 19) == {}


def test_keys_and_buttons_do_the_same_and_undo_takes_back(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 2)
    page.keyboard.press("Shift+J")
    page.keyboard.press("a")
    expect(page.locator("#turn-2 .marks")).to_contain_text("Accept")
    for _ in range(3):
        page.get_by_role("button", name="Next turn").click()
    page.get_by_role("button", name="✕ Reject").click()
    expect(page.locator("#turn-5 .marks")).to_contain_text("Reject")
    assert until(lambda: verdicts(studio, 2) == {2: "accept", 5: "reject"})
    page.keyboard.press("u")
    expect(page.locator("#turn-5 .marks")).to_have_text("")
    assert until(lambda: verdicts(studio, 2) == {2: "accept"})
    page.keyboard.press("u")
    assert until(lambda: verdicts(studio, 2) == {})
    expect(page.locator("#turn-2 .marks")).to_have_text("")
    assert len(history(studio.database, 2)) == 4


def test_typing_a_note_moves_nothing_and_is_saved(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 3)
    note = page.get_by_role("textbox", name="Note")
    note.fill("jjj 123 arf")
    note.press("Control+Enter")
    expect(page.locator(".status")).to_contain_text("Turn 0")
    assert until(lambda: [r.note for r in reviews_of(studio.database, 3)] == ["jjj 123 arf"])


def test_the_whole_trajectory_gets_a_verdict_tags_and_the_next_one_opens(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 10)
    page.get_by_role("button", name="wrong tool").click()
    page.get_by_role("button", name=re.compile("Accept and next")).click()
    expect(page.get_by_role("heading", name="Trajectory 9")).to_be_visible()
    (review,) = reviews_of(studio.database, 10)
    assert (review.verdict, review.tags) == ("accept", ("wrong tool",))


def test_a_hostile_trajectory_is_shown_as_text(
    page: Page, studio: Studio, watch: Watch, screenshot: Callable[[str], Path]
) -> None:
    open_trajectory(page, studio, HOSTILE)
    expect(page.locator("#turn-1 .prose").first).to_contain_text("<script>window.hacked=1</script>")
    for tab in ("Task", "End state", "Model calls", "History"):
        page.get_by_role("tab", name=tab).click()
        ready(page)
    page.keyboard.press("End")
    screenshot("review-hostile")
    assert page.evaluate("window.hacked") is None
    assert page.locator(".viewer img, .viewer script, .viewer style, .viewer a").count() == 0
    page.goto(f"{studio.url}/queue?text=hacked")
    ready(page)
    assert page.evaluate("window.hacked") is None
    assert watch.foreign == []


def test_the_queue_filters_pages_and_keeps_the_address(
    page: Page, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    page.goto(f"{studio.url}/queue?domains=retail&size=25")
    ready(page)
    expect(page.get_by_text("23 trajectories")).to_be_visible()
    page.goto(f"{studio.url}/queue?domains=%3Cscript%3E&page=abc&size=999999&sort=nonsense&filter=%7Bbroken")
    ready(page)
    expect(page.get_by_text("43 trajectories")).to_be_visible()
    assert page.get_by_test_id("stException").count() == 0
    page.goto(f'{studio.url}/queue?filter={{"domains":["clinic"],"max_turns":10}}')
    ready(page)
    expect(page.get_by_text("20 trajectories")).to_be_visible()
    assert "domains=clinic" in page.url
    assert "filter=" not in page.url
    screenshot("review-queue")


def test_bulk_verdicts_go_to_the_chosen_ids_across_pages(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/queue?domains=retail&sort=Oldest+first")
    ready(page)
    choose_rows(page, 0, 2)
    expect(page.get_by_text("2 trajectories chosen")).to_be_visible()
    page.get_by_role("button", name="Reject all").click()
    assert until(lambda: [verdicts(studio, n).get(None) for n in (1, 3, 5)] == ["reject", None, "reject"])
    expect(page.get_by_text("chosen")).to_have_count(0)
    expect(page.get_by_text("2 of 23 reviewed")).to_be_visible()
    choose_rows(page, 1)
    expect(page.get_by_text("1 trajectory chosen")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_text("43 trajectories")).to_be_visible()
    expect(page.get_by_text("chosen")).to_have_count(0)


def choose_rows(page: Page, *rows: int) -> None:
    """Tick rows of the table; it is a canvas with rows of 33 pixels below a header of 33."""
    for row in rows:
        page.wait_for_timeout(1000)
        grid = page.get_by_test_id("stDataFrame").locator("canvas").first
        grid.scroll_into_view_if_needed()
        grid.click(position={"x": 16, "y": 33 * row + 50}, force=True)
        ready(page)


def test_a_row_opens_its_trajectory_with_the_filter(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/queue?domains=clinic")
    ready(page)
    page.get_by_role("button", name="Review the next one").click()
    expect(page.get_by_role("heading", name="Trajectory 40")).to_be_visible()
    expect(page.get_by_text("1 of 20")).to_be_visible()
    expect(page.get_by_role("listbox", name="Turns")).to_be_visible()  # the viewer takes the keys, and comes last
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Trajectory 38")).to_be_visible()


def test_one_that_never_started_says_why(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/trajectory?id=43")
    ready(page)
    expect(page.get_by_text("Nobody talked")).to_be_visible()
    expect(page.get_by_text("The check passes with no action at all.")).to_be_visible()
