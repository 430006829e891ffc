"""axe-core on every page in both themes: names, roles, contrast, structure.

`STREAMLITS_OWN` lists what Streamlit draws and offers no option to mend. Nothing of ours is on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from pages._ui.routes import ROUTES, Route, url
from tests.e2e.conftest import Studio
from tests.e2e.filled import addresses
from tests.e2e.test_look import draw_again, settle

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
STREAMLITS_OWN = (
    ("list", '[data-testid="stSidebarNav"]'),  # the menu's sections are divs inside its list
    ("listitem", '[data-testid="stSidebarNav"]'),
    ("color-contrast", "kbd"),  # the hint of a shortcut on a button is faded
    ("color-contrast", '[data-testid="stButtonGroup"]'),  # a chosen pill's text has the colour that fills buttons
    ("svg-img-alt", '[data-testid="stMetricChart"]'),  # a sparkline has no name
)
FIND = """async ([own]) => {
    const found = await axe.run(document, {resultTypes: ['violations']});
    const theirs = (rule, target) => {
        let place = document, one = null;
        for (const part of [target].flat(3)) {
            one = place.querySelector(part);
            place = one && one.shadowRoot || place;
        }
        return one && own.some(([name, held]) => name === rule && one.closest(held));
    };
    return found.violations.flatMap(one => one.nodes
        .filter(node => !theirs(one.id, node.target))
        .map(node => ({rule: one.id, html: node.html.slice(0, 160), target: String(node.target).slice(0, 200),
                       why: node.failureSummary.slice(0, 300)})));
}"""


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A browser whose user wants no animation, so that nothing is measured half faded in."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong, each with its rule, the element and why."""
    page.evaluate(AXE)
    found = page.evaluate(FIND, [[list(pair) for pair in STREAMLITS_OWN]])
    return [f"{one['rule']}: {one['html']}\n  {one['why']}" for one in found]


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_a_page_can_be_read_by_everyone(window: BrowserContext, filled: Studio, route: Route) -> None:
    page = window.new_page()
    try:
        page.emulate_media(color_scheme="light")
        settle(page, filled.url + addresses(filled.database).get(route.name, url(route.name)))
        found = [f"light {one}" for one in violations(page)]
        page.emulate_media(color_scheme="dark")
        draw_again(page)
        found += [f"dark {one}" for one in violations(page)]
        assert found == [], "\n".join(found)
    finally:
        page.close()
