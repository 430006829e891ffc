"""The look of every page: wide and narrow, light and dark, empty, filled, reloaded; and its accessibility by axe-core.

The pictures are to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pages._ui.routes import ROUTES, Route, url
from tests.e2e.axe import violations
from tests.e2e.conftest import NARROW, SHOTS, WIDE, Studio, Watch, opened, ready
from tests.e2e.controls import answered
from tests.e2e.filled_studio import addresses

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

LOOK = SHOTS / "look"
TITLE = "[data-testid=stMain] h1, [data-testid=stMain] h2"
STREAMLITS_OWN = re.compile(r"/_stcore/(health|host-config)$")
"""Streamlit looks for its server below the page's own address first; the browser's console tells of that 404."""
FILTERED = {
    "queue": "/queue?domains=retail&sort=Oldest+first&size=25+rows",
    "batches": "/batches?status=Done",
    "domain": "/domain?id=retail&tab=Policy",
}
OVERFLOW = """() => {
    const main = document.querySelector('[data-testid="stMain"]');
    const wide = [...main.querySelectorAll('[data-testid="stMainBlockContainer"] *')].filter(one => {
        const box = one.getBoundingClientRect();
        let held = one.parentElement;
        while (held && held !== main) {
            if (getComputedStyle(held).overflowX !== 'visible') return false;
            held = held.parentElement;
        }
        return box.width > 0 && box.right > window.innerWidth + 1;
    });
    const beyond = Math.max(main.scrollWidth, document.documentElement.scrollWidth) - window.innerWidth;
    return beyond > 1 || wide.length ? [beyond, wide.slice(0, 3).map(one => one.outerHTML.slice(0, 200))] : null;
}"""


@pytest.fixture(scope="module", params=[WIDE, NARROW], ids=["wide", "narrow"])
def window(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of one width, shared by all pages: styles and scripts are fetched once."""
    with opened(browser, request.param) as context:
        yield context


@pytest.fixture(scope="module")
def wide(browser: Browser) -> Iterator[BrowserContext]:
    """The wide one alone."""
    with opened(browser, WIDE) as context:
        yield context


def settle(page: Page, address: str) -> None:
    """Open a page and wait until everything it needs is there, a chart's scripts too."""
    page.goto(address)
    ready(page)
    page.locator(TITLE).first.wait_for()
    page.wait_for_load_state("networkidle")


def draw_again(page: Page) -> None:
    """Let Streamlit's own key for it run the page's script once more, so that logo and charts follow the theme."""
    with answered(page):
        page.locator("body").press("r")
    page.wait_for_timeout(200)


def shoot(page: Page, path: Path) -> None:
    """Write a picture of the whole page, however long: Streamlit scrolls a part of it, not the document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    assert size is not None
    tall = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(max(size["height"], int(tall)), 4000)})
    page.wait_for_timeout(150)
    page.screenshot(path=path)
    page.set_viewport_size(size)


def faults(page: Page, narrow: bool) -> list[str]:
    """Return what makes a page look unmade, as far as a program can see it."""
    found = []
    if page.get_by_test_id("stException").count():
        found.append(f"an exception: {page.get_by_test_id('stException').first.inner_text()}")
    primary = page.locator(
        '[data-testid="stMain"] [data-testid="stBaseButton-primary"]:visible, '
        '[data-testid="stMain"] [data-testid="stBaseLinkButton-primary"]:visible, '
        '[data-testid="stMain"] [data-testid="stBaseButton-primaryFormSubmit"]:visible'
    )
    if primary.count() > 1:
        found.append(f"{primary.count()} primary buttons: {primary.all_inner_texts()}")
    if narrow and (beyond := page.evaluate(OVERFLOW)):
        found.append(f"wider than the window: {beyond}")
    return found


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_a_page_in_use_looks_made_and_can_be_read_by_everyone(
    window: BrowserContext, filled: Studio, route: Route
) -> None:
    address = addresses(filled.database).get(route.name, url(route.name))
    look_at(window, filled.url + address, route.name)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.section is not None], ids=lambda route: route.name)
def test_a_page_without_data_looks_made(wide: BrowserContext, studio: Studio, route: Route) -> None:
    look_at(wide, studio.url + url(route.name), f"empty-{route.name}")


def look_at(window: BrowserContext, address: str, name: str) -> None:
    """Open a page, take its pictures in both themes, and fail on what looks unmade or asks beyond loopback."""
    page = window.new_page()
    try:
        with Watch().following(window) as watch:
            found = seen(page, address, name)
        assert (found, watch.foreign, watch.errors) == ([], [], []), (found, watch.foreign, watch.errors)
    finally:
        page.close()


def seen(page: Page, address: str, name: str) -> list[str]:
    """Return the faults of a page in both themes, with a picture of each; a wide one in use is read by axe-core too."""
    width = (page.viewport_size or {"width": 0})["width"]
    read = width == WIDE[0] and not name.startswith("empty-")
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        if theme == "light":
            settle(page, address)
        else:
            draw_again(page)
        found += [f"{theme}: {fault}" for fault in faults(page, width == NARROW[0])]
        found += [f"{theme}: {fault}" for fault in (violations(page) if read else [])]
        shoot(page, LOOK / f"{name}-{width}-{theme}.png")
    return found


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_a_page_loaded_again_shows_the_same_and_complains_of_nothing(
    wide: BrowserContext, filled: Studio, route: Route
) -> None:
    page, told = wide.new_page(), []
    page.on("console", lambda m: told.append(f"{m.text} {m.location['url']}") if m.type == "error" else None)
    address = FILTERED.get(route.name) or addresses(filled.database).get(route.name, url(route.name))
    try:
        settle(page, filled.url + address)
        before = said(page.url), heading(page)
        page.reload()
        ready(page)
        expect(page.locator(TITLE).first).to_have_text(before[1])
        page.wait_for_timeout(300)
        assert (said(page.url), heading(page)) == before
        assert before[0] == said(filled.url + address)
        assert page.get_by_test_id("stException").count() == 0
        assert [text for text in told if not STREAMLITS_OWN.search(text)] == []
    finally:
        page.close()


def said(address: str) -> tuple[str, dict[str, list[str]]]:
    """Return what an address says, whatever the order of its parameters."""
    parts = urlsplit(address)
    return parts.path, parse_qs(parts.query)


def heading(page: Page) -> str:
    return page.locator(TITLE).first.inner_text()
