"""Tags and notes of single turns by keyboard, Caps Lock, undo wherever the change was, and two tabs on one review."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from engine.types import Review, TrajectoryFilter
from pages.review.parts.reviewer import REVIEWER
from storage.reviewing.reviewer_tab import ReviewerTab
from storage.reviewing.reviews import reviews_of
from storage.reviewing.trajectories import page as rows_of
from tests.e2e.conftest import Studio, at_rest, ready, until
from tests.e2e.test_review import burst, choose_rows, open_trajectory, verdicts
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser

LONG = 21


@pytest.fixture(scope="module", autouse=True)
def stored(studio: Studio) -> None:
    """Twenty small trajectories and one of 61 turns."""
    small = [refund_trajectory(n, rounds=1) for n in range(20)]
    insert_imported(studio.database, "e2e", [*small, refund_trajectory(90, rounds=12)])


def own(studio: Studio, number: int) -> dict[int | None, Review]:
    return {r.turn: r for r in reviews_of(studio.database, number) if r.reviewer == REVIEWER}


def rejected(studio: Studio) -> set[int]:
    rows, _ = rows_of(studio.database, TrajectoryFilter(verdicts=("reject",)))
    return {row.id for row in rows}


def test_a_turn_is_tagged_and_noted_by_keyboard(page: Page, studio: Studio, screenshot: Callable[[str], Path]) -> None:
    open_trajectory(page, studio, LONG)
    nodes = page.locator(".viewer *").count()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("t")
    page.keyboard.type("arg")
    page.keyboard.press("Enter")
    page.keyboard.type("Shouts  in CAPS")
    page.keyboard.press("Enter")
    screenshot("review-tags")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.keyboard.type("no refund yet, jkarf 123")
    screenshot("review-note")
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    expect(page.locator("#turn-2 .said")).to_contain_text("no refund yet, jkarf 123")
    expect(page.locator("#stop-2")).to_have_attribute(
        "aria-label", "Turn 2, Assistant, rated 4 of 5, wrong argument, shouts in caps, with a note"
    )
    review = until(lambda: (found := own(studio, LONG).get(2)) and found.rating == 4 and found)
    assert (review.tags, review.note) == (("wrong argument", "shouts in caps"), "no refund yet, jkarf 123")
    assert set(own(studio, LONG)) == {2}
    page.keyboard.press("j")
    expect(page.get_by_role("button", name="Take off")).to_have_count(0)
    page.keyboard.press("k")
    page.get_by_role("button", name="Take off: wrong argument").click()
    assert until(lambda: own(studio, LONG)[2].tags == ("shouts in caps",))
    assert page.locator(".viewer *").count() < nodes + 60
    page.reload()
    ready(page)
    expect(page.locator("#turn-2 .said")).to_contain_text("shouts in caps")


def test_a_note_is_kept_when_its_writer_goes_on(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 12)
    page.keyboard.press("m")
    page.keyboard.type("first")
    page.locator("#turn-3").click()
    assert until(lambda: {turn: r.note for turn, r in own(studio, 12).items()} == {0: "first"})
    page.keyboard.press("m")
    page.keyboard.type("next")
    page.get_by_role("button", name="Next", exact=False).last.click()
    assert until(lambda: {turn: r.note for turn, r in own(studio, 12).items()} == {0: "first", 3: "next"})
    assert own(studio, 11) == {}


def test_caps_lock_is_not_shift(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 1)
    burst(page, ["J", "J", "A"])
    expect(page.locator("#turn-2 .marks")).to_contain_text("Accept")
    assert until(lambda: verdicts(studio, 1) == {2: "accept"})
    page.keyboard.press("Shift+R")
    assert until(lambda: verdicts(studio, 1) == {2: "accept", None: "reject"})


def test_undo_goes_back_to_where_the_last_change_was(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 10)
    page.keyboard.press("y")
    expect(page.get_by_role("heading", name="Trajectory 9")).to_be_visible()
    assert verdicts(studio, 10) == {None: "accept"}
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Trajectory 10")).to_be_visible()
    expect(page.get_by_text("Undone on trajectory 10")).to_be_visible()
    assert verdicts(studio, 10) == {}
    ready(page)  # until all of the page shows 10, a key is refused
    burst(page, ["j", "j", "r"])
    expect(page.locator("#turn-2 .marks")).to_contain_text("Reject")
    assert until(lambda: verdicts(studio, 10) == {2: "reject"})
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Trajectory 9")).to_be_visible()
    page.get_by_role("button", name="Undo").last.click()
    expect(page.get_by_role("heading", name="Trajectory 10")).to_be_visible()
    expect(page.locator("#turn-2.current")).to_be_visible()
    expect(page.locator("#turn-2 .marks")).to_have_text("")
    assert verdicts(studio, 10) == {}


def test_a_verdict_for_many_is_undone_as_one_in_the_queue(page: Page, studio: Studio) -> None:
    for number in rejected(studio):  # by other tests, or by an earlier try
        ReviewerTab(REVIEWER).change(studio.database, number, None, {"verdict": None})
    page.goto(f"{studio.url}/queue?sort=Oldest+first")
    ready(page)
    choose_rows(page, 1, 2)
    expect(page.get_by_text("2 trajectories chosen")).to_be_visible()
    page.get_by_role("button", name="Reject all").click()
    assert until(lambda: len(rejected(studio)) == 2)
    expect(page.get_by_text("2 trajectories chosen")).to_be_hidden()
    ready(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: reject of 2 trajectories")).to_be_visible()
    assert rejected(studio) == set()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()


def test_two_tabs_on_one_review_lose_nothing(
    page: Page, context: BrowserContext, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    other = context.new_page()
    for tab in (page, other):
        open_trajectory(tab, studio, 15)
    for tab, tag in ((other, "wrong tool"), (page, "stops early")):
        tab.get_by_role("button", name=tag).click()
    assert until(lambda: set(own(studio, 15)[None].tags) == {"wrong tool", "stops early"})
    expect(page.locator('[class*="st-key-tags_15_v1"]')).to_be_visible()  # it shows the other tab's tag too by now
    at_rest(other)
    at_rest(page)  # drawn once more, it would show the other tab's note, and nothing would be in conflict
    for tab, text in ((other, "from the other tab"), (page, "from this tab")):
        note = tab.get_by_role("textbox", name="Note", exact=True)
        note.fill(text)
        note.press("Control+Enter")
        assert until(lambda: own(studio, 15)[None].note == "from the other tab")
    expect(page.get_by_text("The note on the trajectory was changed elsewhere").first).to_be_visible()
    screenshot("review-conflict")
    assert own(studio, 15)[None].note == "from the other tab"
    page.get_by_role("button", name="Keep both").click()
    assert until(lambda: own(studio, 15)[None].note == "from the other tab\nfrom this tab")
    other.keyboard.press("Escape")
    for tab, text in ((page, "one"), (other, "two")):
        tab.locator("#turn-2").click()
        tab.keyboard.press("m")
        tab.keyboard.type(text)
        tab.keyboard.press("Escape")
        assert until(lambda: (found := own(studio, 15).get(2)) and found.note == "one")
    expect(other.get_by_text("The note on turn 2 was changed elsewhere").first).to_be_visible()
    other.get_by_role("button", name="Use mine").click()
    assert until(lambda: own(studio, 15)[2].note == "two")


def test_a_verdict_of_the_other_tab_is_shown_before_it_is_replaced(
    page: Page, context: BrowserContext, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    other = context.new_page()
    for tab in (other, page):
        open_trajectory(tab, studio, 14)
    burst(other, ["j", "j", "r", "5", "j", "4"])
    assert until(lambda: (found := own(studio, 14).get(3)) and found.rating == 4)
    burst(page, ["j", "j", "a", "3", "j", "j", "1", "2"])
    expect(page.get_by_text("2 marks were changed elsewhere while you gave yours")).to_be_visible()
    expect(page.locator("#turn-2 .marks")).to_have_text("✕ Reject  ·  5 of 5")
    screenshot("review-two-verdicts")
    assert until(lambda: (found := own(studio, 14).get(4)) and found.rating == 2)
    assert {n: (r.verdict, r.rating) for n, r in own(studio, 14).items()} == {
        2: ("reject", 5), 3: (None, 4), 4: (None, 2),
    }  # fmt: skip
    page.get_by_role("button", name="Use all mine").click()
    expect(page.locator("#turn-2 .marks")).to_have_text("✓ Accept  ·  3 of 5")
    page.keyboard.press("Shift+A")
    page.keyboard.press("Shift+R")
    expect(page.get_by_text("Rejected. Every change is saved at once.")).to_be_visible()
    page.get_by_role("radio", name="Accept").click()
    expect(page.get_by_text("Accepted. Every change is saved at once.")).to_be_visible()
    page.keyboard.press("Shift+R")
    expect(page.get_by_text("Rejected. Every change is saved at once.")).to_be_visible()
    expect(page.get_by_text("changed elsewhere while you gave yours")).to_have_count(0)
