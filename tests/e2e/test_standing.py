"""Verdicts in the browser: where they show, that counts follow at once, and what a trajectory still awaits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from engine.types import TrajectoryFilter
from pages._ui.filters import filter_parameters
from storage.reviewing.reviews import reviews_of
from storage.reviewing.trajectories import row
from tests.e2e.conftest import Studio, ready, until
from tests.e2e.test_review import choose_rows, open_trajectory, verdicts
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser

FIRST, LAST = 2, 5
"""The turns of the assistant; 0 is the policy, 1 the user, 3 and 4 are results."""
AT_ONCE = 3_000
"""Milliseconds: a redraw on a busy machine, and less than any page waits before it asks again."""


@pytest.fixture(scope="module", autouse=True)
def stored(studio: Studio) -> None:
    """Twelve small trajectories."""
    insert_imported(studio.database, "e2e", [refund_trajectory(n, rounds=1) for n in range(12)])


def counted(page: Page, reviewed: int) -> None:
    """Expect the number of reviewed ones at the top of the page, without another page being opened."""
    expect(page.get_by_text(re.compile(rf"{reviewed} of 12 reviewed"))).to_be_visible(timeout=AT_ONCE)


def test_the_number_of_reviewed_ones_follows_each_verdict_at_once(page: Page, studio: Studio) -> None:
    open_trajectory(page, studio, 12)
    counted(page, 0)
    page.get_by_role("radio", name="Accept").click()
    counted(page, 1)
    page.keyboard.press("u")
    counted(page, 0)
    page.keyboard.press("Shift+R")
    counted(page, 1)
    page.get_by_role("button", name="↶ Undo").click()
    counted(page, 0)
    page.keyboard.press("Shift+J")
    page.keyboard.press("f")
    counted(page, 1)
    page.keyboard.press("0")
    counted(page, 0)
    page.keyboard.press("y")
    expect(page.get_by_role("heading", name="Trajectory 11")).to_be_visible()
    counted(page, 1)
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Trajectory 12")).to_be_visible()
    counted(page, 0)


def test_a_verdict_for_many_and_its_undo_are_counted_at_once(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/queue")
    ready(page)
    counted(page, 0)
    choose_rows(page, 0)
    page.get_by_role("button", name="Accept all").click()
    counted(page, 1)
    page.get_by_role("button", name="Undo").click()
    counted(page, 0)


def test_only_turns_of_the_assistant_have_a_verdict(
    page: Page, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    open_trajectory(page, studio, 10)
    for caption in ("This turn", "Whole trajectory"):
        expect(page.get_by_text(caption, exact=True)).to_be_visible()
    accept = page.get_by_role("button", name="✓ Accept")
    expect(accept).to_have_count(0)
    page.keyboard.press("j")
    for key in ("a", "r", "f"):
        page.keyboard.press(key)
    expect(page.locator(".status")).to_contain_text("Only turns of the assistant get a verdict")
    screenshot("review-no-verdict")
    page.keyboard.press("j")
    expect(page.locator(".status")).to_contain_text("Saved")
    expect(accept).to_be_visible()
    page.keyboard.press("a")
    assert until(lambda: verdicts(studio, 10) == {FIRST: "accept"})
    page.keyboard.press("j")
    expect(accept).to_have_count(0)
    page.keyboard.press("3")
    page.keyboard.press("Shift+A")
    assert until(lambda: verdicts(studio, 10) == {FIRST: "accept", 3: None, None: "accept"})


def test_a_mark_on_a_turn_of_the_user_from_before_can_be_taken_away(page: Page, studio: Studio) -> None:
    from storage.reviewing.reviews import ReviewKey, change_review

    change_review(studio.database, ReviewKey(9, 1, "me"), {"verdict": "fix"})
    open_trajectory(page, studio, 9)
    expect(page.get_by_text("only the assistant's turns can be corrected")).to_be_visible()
    page.keyboard.press("j")
    page.get_by_role("button", name="Take the mark away").click()
    assert until(lambda: row(studio.database, 9).standing == "none")
    expect(page.get_by_text("only the assistant's turns can be corrected")).to_have_count(0)
    expect(page.get_by_role("button", name="Take the mark away")).to_have_count(0)


def test_a_fix_without_a_correction_waits_everywhere_until_it_is_written(
    page: Page, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    open_trajectory(page, studio, 8)
    page.keyboard.press("Shift+J")
    page.keyboard.press("f")
    waiting = page.get_by_text("Turn 2 is marked Fix and not corrected")
    expect(waiting).to_be_visible()
    page.keyboard.press("Shift+A")
    assert until(lambda: verdicts(studio, 8) == {FIRST: "fix", None: "accept"})
    expect(waiting).to_be_visible()
    screenshot("review-awaits-correction")
    old = TrajectoryFilter.model_validate({"verdicts": ["fix"]})
    for address in (f"/queue?filter={filter_parameters(old)['filter']}", "/queue?verdicts=Fix", "/queue?verdicts=fix"):
        page.goto(studio.url + address)
        ready(page)
        expect(page.get_by_text("1 of 1 reviewed")).to_be_visible()
    screenshot("review-queue-awaits")
    page.get_by_test_id("stButtonGroup").get_by_text("Awaits correction").click()
    expect(page.get_by_text("1 of 1 reviewed")).to_be_visible()
    page.goto(f"{studio.url}/exports")
    ready(page)
    expect(page.get_by_text("1 trajectory awaits a correction and stays here")).to_be_visible()
    screenshot("export-awaits-correction")
    page.get_by_role("link", name="Correct them").click()
    expect(page.get_by_text("1 of 1 reviewed")).to_be_visible()
    open_trajectory(page, studio, 8)
    page.get_by_role("button", name="Correct turn 2").click()
    expect(page.get_by_role("heading", name="Correct turn 2")).to_be_visible()
    expect(page.locator("#turn-2.current")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("0")
    expect(waiting).to_have_count(0)
    assert until(lambda: row(studio.database, 8).standing == "accepted")
    assert {r.turn: r.verdict for r in reviews_of(studio.database, 8)} == {FIRST: None, None: "accept"}
