"""Every page as people see it: wide and narrow, light and dark, empty and in use. The pictures are to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from pages._ui.routes import ROUTES, Route, url
from tests.e2e.conftest import SHOTS, Studio, Watch, ready
from tests.e2e.filled import addresses

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

LOOK = SHOTS / "look"
WIDE, NARROW = (1440, 900), (420, 860)
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


def opened(browser: Browser, size: tuple[int, int]) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture(scope="module", params=[WIDE, NARROW], ids=["wide", "narrow"])
def window(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of one width, shared by all pages: styles and scripts are fetched once."""
    yield from opened(browser, request.param)


@pytest.fixture(scope="module")
def wide(browser: Browser) -> Iterator[BrowserContext]:
    """The wide one alone."""
    yield from opened(browser, WIDE)


def settle(page: Page, address: str) -> None:
    page.goto(address)
    ready(page)
    page.locator("[data-testid=stMain] h1, [data-testid=stMain] h2").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)


def draw_again(page: Page) -> None:
    """Let Streamlit's own key for it run the page's script once more, so that logo and charts follow the theme."""
    page.locator("body").press("r")
    page.wait_for_timeout(300)
    ready(page)
    page.wait_for_timeout(300)


def shoot(page: Page, path: Path) -> None:
    """Write a picture of the whole page, however long: Streamlit scrolls a part of it, not the document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    assert size is not None
    tall = page.evaluate("() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(max(size["height"], int(tall)), 4000)})
    page.wait_for_timeout(300)
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
def test_a_page_in_use_looks_made(window: BrowserContext, filled: Studio, route: Route) -> None:
    address = addresses(filled.database).get(route.name, url(route.name))
    look_at(window, filled.url + address, route.name)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.section is not None], ids=lambda route: route.name)
def test_a_page_without_data_looks_made(wide: BrowserContext, studio: Studio, route: Route) -> None:
    look_at(wide, studio.url + url(route.name), f"empty-{route.name}")


def look_at(window: BrowserContext, address: str, name: str) -> None:
    """Open a page, take its pictures in both themes, and fail on what looks unmade or asks beyond loopback."""
    watch = Watch()
    watch.follow(window)
    page = window.new_page()
    try:
        width = (page.viewport_size or {"width": 0})["width"]
        found = []
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            if theme == "light":
                settle(page, address)
            else:
                draw_again(page)
            found += [f"{theme}: {fault}" for fault in faults(page, width == NARROW[0])]
            shoot(page, LOOK / f"{name}-{width}-{theme}.png")
        assert (found, watch.foreign, watch.errors) == ([], [], []), (found, watch.foreign, watch.errors)
    finally:
        page.close()
