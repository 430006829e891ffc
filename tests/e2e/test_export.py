"""Exports in a browser, with the engine beside: preview, build in each format, download, refusals, delete."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import APIResponse, Page, expect

from engine import plugins
from engine.types import Recipe, TrajectoryFilter
from storage.exporting import exports
from storage.generating import batches
from tests.e2e.conftest import Studio, ready, until
from tests.e2e.controls import answered, choose, fill
from tests.samples.batches import batch_of
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def number(studio_with_engine: Studio) -> int:
    """A finished batch of ten, and four imported trajectories beside it."""
    batch = batch_of("retail", name="ten", trajectories=10, sandbox="local")
    made = batches.create_batch(studio_with_engine.database, batch)
    until(lambda: batches.get_batch(studio_with_engine.database, made).status == "done", 120)
    insert_imported(studio_with_engine.database, "imported", [refund_trajectory(n) for n in range(4)])
    return made


def from_batch(studio: Studio, page: Page, number: int) -> None:
    """Open the exports from the batch's page."""
    page.goto(f"{studio.url}/batch?id={number}")
    ready(page)
    page.locator('[data-testid="stMain"]').get_by_role("link", name="Export").click()
    page.wait_for_url(re.compile("/exports"))
    ready(page)


def build(studio: Studio, page: Page) -> exports.ExportRow:
    before = len(exports.list_exports(studio.database))
    page.locator(".st-key-build_export button").click()
    until(lambda: len(exports.list_exports(studio.database)) > before, 20)
    until(lambda: exports.list_exports(studio.database)[0].status in ("done", "failed"), 60)
    return exports.list_exports(studio.database)[0]


def fetched(page: Page, address: str) -> APIResponse:
    """Return the answer to a GET. The browser's driver keeps connections open, and the server closes those that were
    idle for seconds: a request that meets just that moment is sent once more."""
    return page.request.get(address, max_retries=2)


SEVERAL_ROWS = ("nemo_gym", "rl_steps", "scores", "spans", "text", "verifiers")
"""Formats that may make several rows of one trajectory."""


def test_each_format_is_built_and_downloaded(studio_with_engine: Studio, page: Page, number: int) -> None:
    studio = studio_with_engine
    from_batch(studio, page, number)
    kept = batches.get_batch(studio.database, number).progress.kept
    expect(page.locator('[data-testid="stMetricValue"]').first).to_have_text(str(kept))
    page.locator(".st-key-export_preview summary").click()
    expect(page.locator(".st-key-export_preview").get_by_text("trained", exact=True).first).to_be_visible()
    page.locator(".st-key-export_preview").get_by_role("tab", name="JSON").click()
    expect(page.locator(".st-key-export_preview").get_by_text("messages").first).to_be_visible()
    for name in plugins.names("exporters"):
        choose(page, "export_format", re.compile(f"^{name}"))
        row = build(studio, page)
        assert row.status == "done", row.error
        assert row.recipe.filter == TrajectoryFilter(batches=(number,))
        card = page.locator(f".st-key-export_{row.id}")
        expect(card.get_by_text("Ready")).to_be_visible()
        link = card.get_by_role("link", name="Download")
        expect(link).to_have_attribute(
            "href", re.compile(rf"/exports/{row.id}\b")
        )  # for a moment that of the card above
        address = str(link.get_attribute("href"))
        response = fetched(page, studio.url + address.removeprefix(studio.url))
        assert response.ok
        assert "attachment" in response.headers["content-disposition"]
        assert hashlib.sha256(response.body()).hexdigest() == row.sha256
        with zipfile.ZipFile(io.BytesIO(response.body())) as archive:
            lines = [json.loads(x) for n in archive.namelist() if n.endswith(".jsonl") for x in archive.open(n)]
            tables = [archive.read(n).decode() for n in archive.namelist() if n.endswith(".csv")]
            lines += [one for text in tables for one in csv.DictReader(io.StringIO(text))]
        assert len(lines) == row.rows
        assert row.rows == kept or (name in SEVERAL_ROWS and row.rows > kept), name


def test_forged_links_are_refused(studio_with_engine: Studio, page: Page, number: int) -> None:
    studio = studio_with_engine
    from_batch(studio, page, number)
    row = build(studio, page)
    address = str(page.locator(f".st-key-export_{row.id}").get_by_role("link").get_attribute("href"))
    token = address.partition("token=")[2]
    for path in (f"{row.id}", f"{row.id}?token={token[:-3]}abc", f"{row.id + 1}?token={token}"):
        response = fetched(page, f"{studio.url}/api/exports/{path}")
        assert response.status == 403
        assert "exports page" in response.text()


def test_an_option_changes_the_file(studio_with_engine: Studio, page: Page, number: int) -> None:
    studio = studio_with_engine
    from_batch(studio, page, number)
    choose(page, "export_format", re.compile("^chat_jsonl"))
    plain = build(studio, page)
    page.get_by_text("Options of the format").click()
    choose(page, "export_chat_jsonl_system", "Drop")
    without = build(studio, page)
    assert without.recipe.options == {"system": "drop"}
    assert without.rows == plain.rows
    assert (without.size or 0) < (plain.size or 0)


def test_what_fails_is_told_and_deleted(studio_with_engine: Studio, page: Page, number: int) -> None:
    studio = studio_with_engine
    made = exports.create_export(studio.database, Recipe(name="broken"))
    exports.fail_export(studio.database, made, "The disk is full. Free some space.")
    page.goto(f"{studio.url}/exports")
    ready(page)
    card = page.locator(f".st-key-export_{made}")
    expect(card.get_by_role("alert")).to_contain_text("The disk is full")
    with answered(page):
        card.get_by_role("button", name="Delete").click()
    card.get_by_role("button", name="Delete it").click()
    expect(card).to_have_count(0)
    assert exports.get_export(studio.database, made) is None


def test_a_deleted_export_takes_its_file_along(studio_with_engine: Studio, page: Page, number: int) -> None:
    studio = studio_with_engine
    from_batch(studio, page, number)
    row = build(studio, page)
    folder = studio.home / "exports" / str(row.id)
    assert folder.is_dir()
    ready(page)
    card = page.locator(f".st-key-export_{row.id}")
    with answered(page):
        card.get_by_role("button", name="Delete").first.click()
    card.get_by_role("button", name="Delete it").click()
    until(lambda: not folder.exists(), 15)
    assert exports.get_export(studio.database, row.id) is None


def test_splits_that_do_not_sum_disable_the_build(studio_with_engine: Studio, page: Page, number: int) -> None:
    from_batch(studio_with_engine, page, number)
    fill(page, "export_share_train", "70")
    expect(page.get_by_role("alert").filter(has_text="must sum to 100 %")).to_be_visible()
    expect(page.locator(".st-key-build_export button")).to_be_disabled()
