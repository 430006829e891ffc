"""A page is drawn whole also when it is opened while a part of the previous page refreshes itself."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.e2e.conftest import Studio, ready, until
from tests.e2e.controls import click_bar
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = pytest.mark.browser


class Wire:
    """The connection between page and studio. What the studio says can be kept back, as on a slow line."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked = 0
        self.kept: list[tuple[WebSocketRoute, Any]] | None = None
        page.route_web_socket("**/_stcore/stream", self._open)

    def _open(self, browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()

        def ask(message: Any) -> None:
            self.asked += 1
            server.send(message)

        def answer(message: Any) -> None:
            if self.kept is None:
                browser.send(message)
            else:
                self.kept.append((browser, message))

        browser.on_message(ask)
        server.on_message(answer)

    def release(self) -> None:
        """Give the browser what was kept, one message after the other."""
        kept, self.kept = self.kept or [], None
        for browser, message in kept:
            browser.send(message)
            self.page.wait_for_timeout(20)


def test_a_part_that_looks_again_does_not_empty_the_page_opened_meanwhile(page: Page, studio: Studio) -> None:
    insert_imported(studio.database, "first", [refund_trajectory(n, rounds=1) for n in range(10)])
    wire = Wire(page)
    page.goto(f"{studio.url}/scores")
    ready(page)
    wire.kept, before = [], wire.asked
    click_bar(page, page.locator(".st-key-panel_distribution .bars .point path").first)

    def looked() -> bool:
        page.wait_for_timeout(100)  # Playwright passes messages on while it waits
        return wire.asked >= before + 2  # the click, and the strip with the engine's state

    until(looked, 20)
    page.wait_for_timeout(1_000)
    wire.release()
    ready(page)
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expect(page.get_by_text("0 of 1 reviewed")).to_be_visible()
