"""A key or click on the review page acts on the trajectory that the browser shows, or on none and says so.

The page draws slowly (slow_streamlit.py), so that a press right after the change to the next trajectory finds parts of
both. Asserted by what is stored.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pages.review.parts.reviewer import REVIEWER
from storage.reviewing.reviews import reviews_of
from tests.e2e.conftest import Studio, ready, running, until
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser

HOW_MANY = 40
PRESS = """async ([first, second, gap, drawn]) => {
  const title = () => document.querySelector('[data-testid="stMain"] h1').textContent.match(/\\d+/)[0];
  const press = (what) => {
    if (what.button) {
      const found = document.querySelector(what.button);
      found?.click();
      return !!found;
    }
    const how = { key: what.key, code: "Key" + what.key.toUpperCase(), shiftKey: !!what.shift };
    document.body.dispatchEvent(new KeyboardEvent("keydown", { ...how, bubbles: true, composed: true }));
    return true;
  };
  window.refused = 0;
  window.looking ??= setInterval(() => {
    const words = [document.querySelector('[data-testid="stToast"]')?.textContent];
    for (const host of document.querySelectorAll('[class*="st-key-turn_viewer"] *'))
      words.push(host.shadowRoot?.querySelector(".status.refused")?.textContent);
    if (words.some((text) => /nothing was|did nothing|get a verdict/i.test(text ?? ""))) window.refused += 1;
  }, 20);
  const before = title();
  press(first);
  const end = performance.now() + 5000;
  while (drawn && title() === before && performance.now() < end) await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done, gap));
  const shown = title();
  const there = press(second);
  return [Number(before), Number(shown), there];
}"""
TURNS = ({"key": "n"}, {"key": "N", "shift": True}, {"key": "y"}, {"button": ".st-key-go_next button"})
VERDICTS = (
    {"key": "y"},
    {"key": "A", "shift": True},
    {"key": "r"},
    {"key": "3"},
    {"button": '[class*="st-key-accept_next_"] button'},
    {"button": '[class*="st-key-verdict_"] button:nth-of-type(2)'},
)


@pytest.fixture(scope="module")
def slow_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    for studio in running(
        tmp_path_factory.mktemp("slow"), engine=False, kind="slowed", module="tests.e2e.slow_streamlit"
    ):
        insert_imported(studio.database, "keys", [refund_trajectory(n, rounds=1) for n in range(HOW_MANY)])
        yield studio


def given(studio: Studio) -> dict[int, list[Any]]:
    """Return this reviewer's marks by trajectory."""
    found = {n: reviews_of(studio.database, n) for n in range(1, HOW_MANY + 1)}
    return {n: [(r.turn, r.verdict, r.rating) for r in marks if r.reviewer == REVIEWER] for n, marks in found.items()}


def changed(before: dict[int, list[Any]], after: dict[int, list[Any]]) -> list[int]:
    return [n for n in after if sorted(map(str, after[n])) != sorted(map(str, before[n]))]


def press_two(page: Page, studio: Studio, dice: random.Random) -> str:
    """Turn the page, press a verdict some moments later, and return what is wrong with what was stored, or ""."""
    number = dice.randint(HOW_MANY // 2, HOW_MANY)
    page.goto(f"{studio.url}/trajectory?id={number}")
    ready(page)
    expect(page.locator(".viewer .turn").first).to_be_visible()
    expect(page.locator(f".st-key-beside_{number}").first).to_be_attached()
    turn, verdict = dice.choice(TURNS), dice.choice(VERDICTS)
    gap, drawn = dice.randint(0, 300), dice.random() < 0.75
    before = given(studio)
    left, shown, there = page.evaluate(PRESS, [turn, verdict, gap, drawn])
    page.wait_for_timeout(900)
    ready(page)
    until(lambda: "Saving" not in page.locator(".status").inner_text())
    own = {left} if turn == {"key": "y"} else set()
    marked = set(changed(before, given(studio)))
    told = f"{turn} then {verdict} after {gap} ms, drawn {drawn}: {left} was left for {shown}, marked are {marked}"
    if own - marked and not before[left]:
        return f"{told}: the first press is lost"
    if (extra := marked - own) > {shown} or (extra and extra != {shown}):
        return f"{told}: another one than shown"
    silent = there and not page.evaluate("window.refused")  # a button may not be drawn yet: then nothing was pressed
    if silent and not extra and not before[shown] and shown not in own:
        return f"{told}: on none, and nothing says so"
    return ""


def walk(page: Page, studio: Studio, times: int) -> None:
    dice = random.Random(7)
    slow = page.context.new_cdp_session(page)
    wrong = []
    for number in range(times):
        slow.send("Emulation.setCPUThrottlingRate", {"rate": 4 if number % 2 else 1})
        wrong.append(press_two(page, studio, dice))
    assert [told for told in wrong if told] == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_key_acts_on_what_is_drawn(page: Page, slow_studio: Studio) -> None:
    walk(page, slow_studio, 12)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_key_acts_on_what_is_drawn_a_hundred_times(page: Page, slow_studio: Studio) -> None:
    walk(page, slow_studio, 100)


def test_keys_on_a_page_at_rest_do_their_work(page: Page, slow_studio: Studio) -> None:
    page.goto(f"{slow_studio.url}/trajectory?id=10")
    ready(page)
    expect(page.locator(".viewer .turn").first).to_be_visible()
    for key, number in (("n", 9), ("p", 10), ("y", 9)):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=re.compile(rf"^Trajectory {number}$"))).to_be_visible()
        expect(page.locator(f".st-key-beside_{number}")).to_be_attached()
        ready(page)
        page.wait_for_timeout(200)
    assert [r.verdict for r in reviews_of(slow_studio.database, 10)] == ["accept"]
