"""The toolbar that appears over a table under the mouse covers no button."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from storage.generating import batches
from tests.e2e.conftest import Studio, ready

pytestmark = pytest.mark.browser


def hover_then_click(page: Page, words: str) -> None:
    """Rest the mouse on the table, then click the middle of a button by its place on the screen."""
    table = page.get_by_test_id("stDataFrame").first.bounding_box()
    assert table
    page.mouse.move(table["x"] + table["width"] - 60, table["y"] + 20)
    page.wait_for_timeout(600)
    box = page.get_by_text(words).first.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_the_next_one_is_reviewed_with_the_mouse_on_the_table(page: Page, filled: Studio) -> None:
    page.goto(f"{filled.url}/queue")
    ready(page)
    hover_then_click(page, "Review the next one")
    expect(page.get_by_role("heading", name="Trajectory")).to_be_visible()


def test_all_of_a_batch_are_opened_with_the_mouse_on_the_table(page: Page, filled: Studio) -> None:
    number = batches.list_batches(filled.database)[-1].id
    page.goto(f"{filled.url}/batch?id={number}")
    ready(page)
    hover_then_click(page, "All of this batch")
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
