"""Every address opens its page on a server that has just been started, inside the frame and with no dialog."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pages._ui.routes import BY_NAME, ROUTES, Route, url
from tests.e2e.conftest import Studio, Watch, ready

pytestmark = pytest.mark.browser


@pytest.fixture
def cold(tmp_path: Path, studio_home: Path) -> Studio:
    """A studio that nobody has visited."""
    return Studio(studio_home, engine=False)


@pytest.fixture(scope="module")
def studio_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cold")


def opens(browser: Browser, studio: Studio, route: Route) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    watch = Watch()
    watch.follow(context)
    page = context.new_page()
    page.goto(studio.url + url(route.name))
    ready(page)
    expect(page.get_by_test_id("stSidebarNav").get_by_text("New batch")).to_be_visible()
    expect(page.get_by_role("img", name="Logo").first).to_be_visible()
    expect(page.locator("[data-testid=stMain] h1, [data-testid=stMain] h2").first).to_be_visible()
    assert page.get_by_role("dialog").count() == 0
    assert page.get_by_test_id("stException").count() == 0
    assert "shell" not in page.get_by_test_id("stSidebarNav").inner_text().lower()
    assert watch.foreign == []
    assert watch.errors == []
    context.close()


@pytest.mark.parametrize("route", [BY_NAME["queue"], BY_NAME["trajectory"]], ids=["queue", "trajectory"])
def test_a_cold_server_opens_a_deep_link_inside_the_frame(browser: Browser, cold: Studio, route: Route) -> None:
    cold.start()
    try:
        opens(browser, cold, route)
    finally:
        cold.stop()
        cold.database.close()


@pytest.mark.parametrize("route", ROUTES, ids=[r.name for r in ROUTES])
def test_every_page_opens_by_its_address(browser: Browser, studio: Studio, route: Route) -> None:
    opens(browser, studio, route)


def test_an_unknown_address_says_so(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/nonsense")
    expect(page.get_by_role("dialog")).to_contain_text("not found")
