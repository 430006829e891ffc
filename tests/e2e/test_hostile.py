"""Hostile words on every page: they are shown as they are, run nothing, fetch nothing and push nothing aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pages._ui.routes import ROUTES, Route, url
from tests.e2e import hostile_database as hostile
from tests.e2e.conftest import NARROW, WIDE, Studio, Watch, opened, ready, until
from tests.e2e.controls import answered
from tests.e2e.test_appearance import OVERFLOW

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

MADE = """() => {
  const main = document.body;
  const made = [...main.querySelectorAll('a[href^="javascript"], img, .katex, iframe, object, embed, svg a')].filter(
    one => one.tagName !== 'IMG' || !one.src.startsWith(location.origin) && !one.src.startsWith('data:'));
  const emoji = [...main.querySelectorAll('[data-testid="stIconMaterial"]')].filter(one => one.textContent === 'warning'
    && one.closest('[data-testid="stMarkdownContainer"]') && !one.closest('[data-testid="stAlert"]'));
  return [...made, ...emoji].map(one => one.outerHTML.slice(0, 200))
    .concat(window.hacked === undefined ? [] : [`hacked ${window.hacked}`])
    .concat(main.innerText.includes('😄') ? ['an emoji made of a short name'] : []);
}"""
READ = """() => {
  const main = document.body;
  const cells = [...main.querySelectorAll('[role=gridcell]')].map(one => one.textContent);
  const typed = [...main.querySelectorAll('input, textarea')].map(one => one.value);
  const drawn = [...main.querySelectorAll("svg text, [data-testid=stText], code, .viewer")].map(one => one.textContent);
  const shadows = [...main.querySelectorAll('*')].filter(one => one.shadowRoot).map(one => one.shadowRoot.textContent);
  return [main.innerText, ...cells, ...typed, ...drawn, ...shadows].join('\\n').replaceAll('\u2060', '');
}"""
SHOWN = {
    "overview": [hostile.SCRIPT],
    "domains": [hostile.SCRIPT, hostile.TAG, f"{hostile.IMAGE} {hostile.MARKS}"],
    "personas": [*hostile.NAMES, hostile.ALL],
    "batches": [hostile.LONG, *hostile.NAMES[:3]],
    "queue": [hostile.SCRIPT, *hostile.NULLS],
    "scores": [hostile.SCRIPT[:20]],
    "funnel": [hostile.SCRIPT[:20]],
    "exports": [*hostile.NAMES[-4:], hostile.ALL],
    "settings": list(hostile.NAMES),
    "domain": [],
    "tool": [],
    "template": [f"{hostile.SCRIPT} {hostile.IMAGE} {hostile.MARKS}"],
    "trajectory": [],
    "batch": [],
    "new-batch": [],
}


@pytest.fixture(scope="module")
def window(browser: Browser, studio: Studio) -> Iterator[BrowserContext]:
    """A browser profile for all pages, on a studio whose database is hostile through and through."""
    hostile.fill(studio.database)
    with opened(browser) as context:
        yield context


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_hostile_words_are_shown_as_they_are(window: BrowserContext, studio: Studio, route: Route) -> None:
    page = window.new_page()
    read = ""
    try:
        with Watch().following(window) as watch:
            for place, address in enumerate(hostile.addresses(studio.database).get(route.name, [url(route.name)])):
                page.goto(studio.url + address)
                ready(page)
                page.locator("[data-testid=stMain] h1, [data-testid=stMain] h2").first.wait_for()
                unfold(page)
                if page.get_by_test_id("stDataFrame").count():
                    page.locator("[role=gridcell]").first.wait_for(state="attached")
                for touch in (ready, *(TOUCHED.get(route.name, ()) if place == 0 else ())):
                    touch(page)
                    read += page.evaluate(READ)
                    assert faults(page) == [], (address, touch)
        missing = [words for words in SHOWN[route.name] if words not in read]
        assert missing == [], read
        assert (watch.foreign, watch.errors) == ([], [])
    finally:
        page.close()


def unfold(page: Page) -> None:
    """Open what is folded, as far as it is on the page."""
    folded = page.locator('[data-testid="stMain"] details:not([open]) > summary:visible')
    for _ in range(min(folded.count(), 6)):
        with answered(page, 0.4):
            folded.first.click()


def duplicate(page: Page) -> None:
    """Open the dialog in which all domains can be chosen."""
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Create")).to_be_visible()


def edit(page: Page) -> None:
    """Open the dialog of a persona."""
    page.get_by_role("button", name="Edit").first.click()
    expect(page.get_by_role("dialog").get_by_text("Sample opening line")).to_be_visible()


def correct(page: Page) -> None:
    """Open the form that corrects a turn of the assistant."""
    page.locator("#turn-2").click(position={"x": 12, "y": 12})
    page.keyboard.press("f")
    page.locator('[class*="st-key-fix_form"]').first.wait_for()
    ready(page)


def filters(page: Page) -> None:
    """Open the filters, which offer every domain, persona, model and tag."""
    page.get_by_role("button", name="More filters").first.click()
    expect(page.locator(".st-key-personas")).to_be_visible()


def tab(name: str) -> Callable[[Page], None]:
    """Return what opens a tab."""

    def click(page: Page) -> None:
        with answered(page):
            page.get_by_role("tab", name=name).click()

    return click


TABS = ("Policy", "Tools", "Templates", "Questions", "Workspace", "Settings", "Versions")
TOUCHED: dict[str, tuple[Callable[[Page], None], ...]] = {
    "domain": (*map(tab, TABS), duplicate),
    "personas": (edit,),
    "trajectory": (correct,),
    "queue": (filters,),
}
"""What is opened by hand at the first address of a page, one after the other."""


def faults(page: Page) -> list[str]:
    """Return what hostile words made of a page: elements, effects, an exception, a page wider than its window."""
    found = list(page.evaluate(MADE))
    found += [one.inner_text() for one in page.get_by_test_id("stException").all()]
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    with suppress(AssertionError):  # a table follows its window a moment later
        until(lambda: not page.evaluate(OVERFLOW), 3)
    if beyond := page.evaluate(OVERFLOW):
        found.append(f"wider than its window: {beyond}")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    return found
