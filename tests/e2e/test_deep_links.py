"""Every address opens its page for somebody who comes from nowhere, inside the frame and with no dialog.

One page of the menu and one beside it are opened on servers that have just been started and never visited: a page
that Streamlit found by itself would be drawn without the shell there. Each kind of address is then opened with
what it names, by a browser that has seen nothing of the studio.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from engine.types import TrajectoryFilter
from pages._ui.filters import filter_parameters
from pages._ui.routes import BY_NAME, ROUTES, Route, url
from storage.generating import batches
from tests.e2e.conftest import Studio, Watch, opened, ready
from tests.samples.batches import batch_of
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stored(studio: Studio) -> Studio:
    """A studio with a batch that waits, two imported ones, and the shipped domains."""
    batches.create_batch(studio.database, batch_of("clinic", name="Waits", trajectories=7))
    small = [refund_trajectory(n, rounds=1, domain=("retail", "clinic")[n % 2]) for n in range(6)]
    insert_imported(studio.database, "first", small)
    insert_imported(studio.database, "second", [refund_trajectory(9)])
    return studio


@pytest.fixture(scope="module")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """One browser profile that keeps the downloaded scripts, and nothing of what was done."""
    with opened(browser) as context:
        yield context


HALF = filter_parameters(TrajectoryFilter(domains=("clinic",), max_turns=9))
ADDRESSES: dict[str, tuple[str, str]] = {
    "overview": ("/", "Running now"),
    "domains": ("/domains?text=clinic", "Clinic"),
    "personas": ("/personas?expertise=Novice", "personas of"),
    "new-batch": ("/new-batch?like=1", "No estimate yet"),
    "batches": ("/batches?status=Queued", "1 batches"),
    "queue": (f"/queue?{urlencode(HALF)}", "3 trajectories"),
    "scores": (f"/scores?value=Turns&by=Mode&compare={quote('#2 first')}&compare={quote('#3 second')}", "#3 second"),
    "funnel": (f"/funnel?{urlencode(HALF)}", "of 3 planned rollouts"),
    "exports": (f"/exports?{urlencode(HALF)}", "Build the export"),
    "settings": ("/settings", "Add a model"),
    "domain": ("/domain?id=retail&tab=Policy", "The system prompt of the teacher"),
    "tool": ("/tool?domain=retail&name=add_restock_alert", "Send an e-mail once when a sold-out item"),
    "template": ("/template?domain=retail&template=restock_alert", "Tell me when a sold-out item is back"),
    "batch": ("/batch?id=1", "0 of 7"),
    "trajectory": ("/trajectory?id=3&turn=2", "Trajectory 3"),
}


def framed(page: Page, watch: Watch) -> None:
    """The page is drawn by the shell: menu, logo, a title of its own, no dialog, no exception, no error."""
    ready(page)
    expect(page.get_by_test_id("stSidebarNav").get_by_text("New batch")).to_be_visible()
    expect(page.get_by_role("img", name="Logo").first).to_be_visible()
    expect(page.locator("[data-testid=stMain] h1, [data-testid=stMain] h2").first).to_be_visible()
    assert page.get_by_role("dialog").count() == 0
    assert page.get_by_test_id("stException").count() == 0
    assert "shell" not in page.get_by_test_id("stSidebarNav").inner_text().lower()
    assert watch.foreign == []
    assert watch.errors == []


@pytest.mark.parametrize("route", [BY_NAME["queue"], BY_NAME["trajectory"]], ids=["queue", "trajectory"])
def test_a_cold_server_opens_a_deep_link_inside_the_frame(
    context: BrowserContext, watch: Watch, tmp_path: Path, route: Route
) -> None:
    cold = Studio(tmp_path, engine=False)
    cold.start()
    try:
        page = context.new_page()
        page.goto(cold.url + url(route.name))
        framed(page, watch)
    finally:
        cold.stop()
        cold.database.close()


@pytest.mark.parametrize("route", ROUTES, ids=[r.name for r in ROUTES])
def test_every_kind_of_address_opens_what_it_names(window: BrowserContext, stored: Studio, route: Route) -> None:
    window.clear_cookies()
    page = window.new_page()
    page.add_init_script("try { localStorage.clear(); sessionStorage.clear(); } catch { /* a page without storage */ }")
    address, words = ADDRESSES[route.name]
    with Watch().following(window) as watch:
        page.goto(stored.url + address)
        framed(page, watch)
        expect(page.get_by_test_id("stMain").get_by_text(words).first).to_be_visible()
        obeyed(page, route.name)
    page.close()


def obeyed(page: Page, name: str) -> None:
    """What the address asks for beside the page itself is done."""
    main = page.get_by_test_id("stMain")
    if name == "new-batch":
        expect(main.locator(".st-key-batch_trajectories input")).to_have_value("7")
        expect(main.locator(".st-key-batch_domains")).not_to_contain_text("Online shop")
    elif name == "scores":
        expect(main.locator(".st-key-panel_distribution .legend")).to_contain_text("#2 first")
        expect(main.locator(".st-key-panel_distribution .xtitle")).to_have_text("Turns")
    elif name == "tool":
        expect(main.get_by_role("combobox", name="Tool, as the model sees it")).to_have_value("add_restock_alert")
    elif name == "trajectory":
        expect(main.locator("#turn-2.current")).to_be_visible()
    elif name == "exports":
        expect(main.locator('[data-testid="stMetricValue"]').first).to_have_text("3")
    elif name == "domains":
        expect(main.locator('[class*="st-key-domain_"]')).to_have_count(1)


def test_an_unknown_address_says_so(page: Page, studio: Studio) -> None:
    page.goto(f"{studio.url}/nonsense")
    expect(page.get_by_role("dialog")).to_contain_text("not found")
