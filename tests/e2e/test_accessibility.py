"""axe-core on every page in both themes: names, roles, contrast, structure.

`STREAMLITS_OWN` lists what Streamlit draws and offers no option to mend. Nothing of ours is on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from pages._ui.routes import ROUTES, Route, url
from tests.e2e.conftest import Studio, ready
from tests.e2e.filled import addresses

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
STREAMLITS_OWN: tuple[tuple[str, str], ...] = ()
FIND = """async ([own]) => {
    const found = await axe.run(document, {resultTypes: ['violations']});
    const pure = (rule, target) => {
        let place = document, one = null;
        for (const part of [target].flat(3)) {
            one = place.querySelector(part);
            place = one && one.shadowRoot || place;
        }
        return one && own.some(([name, held]) => name === rule && one.closest(held));
    };
    return found.violations.flatMap(one => one.nodes
        .filter(node => !pure(one.id, node.target))
        .map(node => ({rule: one.id, html: node.html.slice(0, 160), target: String(node.target).slice(0, 200),
                       why: node.failureSummary.slice(0, 300)})));
}"""


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a browser whose system prefers one theme."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme=request.param, locale="en-GB", reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def violations(page: Page) -> list[dict[str, Any]]:
    page.evaluate(AXE)
    return list(page.evaluate(FIND, [[list(pair) for pair in STREAMLITS_OWN]]))


@pytest.mark.parametrize("route", ROUTES, ids=[route.name for route in ROUTES])
def test_a_page_can_be_read_by_everyone(themed: Page, filled: Studio, route: Route) -> None:
    themed.goto(filled.url + addresses(filled.database).get(route.name, url(route.name)))
    ready(themed)
    themed.locator("[data-testid=stMain] h1, [data-testid=stMain] h2").first.wait_for()
    themed.wait_for_timeout(400)
    found = violations(themed)
    assert found == [], "\n".join(f"{one['rule']}: {one['html']}\n  {one['why']}" for one in found)
