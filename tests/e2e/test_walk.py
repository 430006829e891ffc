"""The whole way in a browser, with the engine and a real sandbox: design, generate, review, analyse, export.

The pictures of the README come from here: TURNWRIGHT_DOCS=1 copies them to docs/.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from engine.types import TrajectoryFilter
from storage import batches, exports, trajectories
from tests.e2e.conftest import ROOT, Studio, ready, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

NUMBER = 24


@pytest.fixture
def picture(screenshot: Callable[[str], Path]) -> Callable[[str], None]:
    """Keep a picture, and put it into docs/ when the README's pictures are to be renewed."""

    def keep(name: str) -> None:
        made = screenshot(name)
        if os.environ.get("TURNWRIGHT_DOCS"):
            (ROOT / "docs").mkdir(exist_ok=True)
            shutil.copy(made, ROOT / "docs" / f"{name}.png")

    return keep


def test_from_a_domain_to_a_downloaded_file(
    studio_with_engine: Studio, page: Page, picture: Callable[[str], None]
) -> None:
    studio = studio_with_engine
    number = generate(studio, page, picture)
    reviewed = review(studio, page, number, picture)
    analyse(studio, page, picture)
    rows = export(studio, page, number, picture)
    assert reviewed["rejected"] not in rows
    assert reviewed["accepted"] in rows


def generate(studio: Studio, page: Page, picture: Callable[[str], None]) -> int:
    """Look at a domain, launch a batch through the form, close the page, and wait for the end."""
    page.goto(f"{studio.url}/domain?id=retail")
    ready(page)
    expect(page.get_by_text("Online shop support").first).to_be_visible()
    picture("domain")
    page.goto(f"{studio.url}/new-batch")
    ready(page)
    name = page.locator(".st-key-batch_name input")
    name.fill("walk")
    name.press("Enter")
    wanted = page.locator(".st-key-batch_trajectories input")
    wanted.fill(str(NUMBER))
    wanted.press("Enter")
    ready(page)
    picture("new-batch")
    page.locator(".st-key-launch button").click()
    page.wait_for_url(re.compile(r"/batch\?id=\d+"))
    ready(page)
    number = int(page.url.rsplit("=", 1)[1])
    page.goto("about:blank")
    until(lambda: batches.get_batch(studio.database, number).status == "done", 150)
    p = batches.get_batch(studio.database, number).progress
    assert p.planned == NUMBER == p.kept + p.rejected + p.failed
    assert p.kept >= NUMBER * 0.8
    page.goto(f"{studio.url}/batch?id={number}")
    ready(page)
    expect(page.get_by_text(f"{NUMBER} of {NUMBER}")).to_be_visible()
    picture("batch")
    return number


def review(studio: Studio, page: Page, number: int, picture: Callable[[str], None]) -> dict[str, str]:
    """Reject one trajectory and accept another on their pages; return the rollout ids."""
    chosen = TrajectoryFilter(batches=(number,), statuses=("kept",))
    rows, _ = trajectories.page(studio.database, chosen, sort="newest", limit=2)
    found: dict[str, str] = {}
    for row, verdict in zip(rows, ("rejected", "accepted"), strict=True):
        page.goto(f"{studio.url}/trajectory?id={row.id}")
        ready(page)
        expect(page.locator(".viewer .turn").first).to_be_visible()
        picture("review")
        word = "Reject" if verdict == "rejected" else "Accept"
        page.locator(f".st-key-verdict_{row.id} button", has_text=word).click()
        wanted = {"rejected": "reject", "accepted": "accept"}[verdict]
        until(lambda row=row, wanted=wanted: trajectories.row(studio.database, row.id).verdict == wanted, 15)
        record = trajectories.get(studio.database, row.id)
        assert record is not None
        found[verdict] = record.id
    return found


def analyse(studio: Studio, page: Page, picture: Callable[[str], None]) -> None:
    for address, name in (("scores", "scores"), ("funnel", "funnel"), ("", "overview")):
        page.goto(f"{studio.url}/{address}")
        ready(page)
        page.wait_for_timeout(1500)
        assert page.locator('[data-testid="stException"]').count() == 0
        picture(name)


def export(studio: Studio, page: Page, number: int, picture: Callable[[str], None]) -> set[str]:
    """Build the complete records in the browser, download them, open the file; return the rollout ids in it."""
    page.goto(f"{studio.url}/exports")
    ready(page)
    kind = page.locator(".st-key-export_format input")
    kind.click()
    page.get_by_role("option", name=re.compile("^trajectory")).click()
    ready(page)
    page.locator(".st-key-build_export button").click()
    until(lambda: [r for r in exports.list_exports(studio.database) if r.status == "done"], 60)
    link = page.get_by_role("link", name=re.compile("Download"))
    expect(link.first).to_be_visible()
    picture("exports")
    row = exports.list_exports(studio.database)[0]
    response = page.request.get(studio.url + str(link.first.get_attribute("href")).replace(studio.url, ""))
    assert response.ok
    data = response.body()
    assert hashlib.sha256(data).hexdigest() == row.sha256
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert {"README.md", "report.json", "recipe.json"} <= {name.rsplit("/", 1)[-1] for name in names}
        lines = [json.loads(x) for n in names if n.endswith(".jsonl") for x in archive.read(n).splitlines()]
        report = json.loads(next(archive.read(n) for n in names if n.endswith("report.json")))
    assert len(lines) == row.rows == sum(report["splits"].values())
    return {str(line["id"]) for line in lines}
