"""The whole workflow in a browser, with engine and real sandbox: design, generate, review, analyse, export.

What is designed here is what everything behind it uses: a duplicated domain gets a new rule and a tool with one more
parameter, and both stand in the file that is downloaded at the end. The pictures of the README come from here:
TURNWRIGHT_DOCS=1 renews those that it shows.
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
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from engine.types import TrajectoryFilter
from storage.designing import domains
from storage.exporting import exports
from storage.generating import batches
from storage.reviewing import trajectories
from tests.e2e.conftest import ROOT, Studio, ready, until
from tests.e2e.controls import answered, click_bar, edit, fill, pick, segment, shown

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

NUMBER = 24
SHOP = "garden_shop"
RULE = "- Name the day on which a sold-out item comes back in every answer about it."
TOOL = "add_restock_alert"
SIGNATURE = "(sku: str, email: str)", "(sku: str, email: str, pieces: int = 1)"
ARGUMENT = "        email: Where to send the message.", "        pieces: How many pieces the customer wants."
STORED = '"email": address, "created"', '"email": address, "pieces": pieces, "created"'
TOLD = '        "expected": row["restock_date"],', '        "pieces": pieces,'
Picture = Callable[[str], None]


@pytest.fixture
def picture(screenshot: Callable[[str], Path]) -> Picture:
    """Keep a picture, and renew the one of that name in docs/ when the README's pictures are asked for."""

    def keep(name: str) -> None:
        made, shown_there = screenshot(name), ROOT / "docs" / f"{name}.png"
        if os.environ.get("TURNWRIGHT_DOCS") and shown_there.exists():
            shutil.copy(made, shown_there)

    return keep


def test_from_a_domain_to_a_downloaded_file(studio_with_engine: Studio, page: Page, picture: Picture) -> None:
    studio = studio_with_engine
    duplicate(studio, page)
    change(page)
    try_and_save(studio, page)
    prove(studio, page, picture)
    number = generate(studio, page, picture)
    accepted, rejected = review(studio, page, number, picture)
    analyse(studio, page, number, accepted, picture)
    rows = export(studio, page, number, picture)
    told = {json.loads(row["metadata"])["rollout"] for row in rows}
    assert trajectories.get(studio.database, accepted).id in told  # type: ignore[union-attr]
    assert trajectories.get(studio.database, rejected).id not in told  # type: ignore[union-attr]
    carries_what_was_designed(rows)


# ---------------------------------------------------------------- design


def duplicate(studio: Studio, page: Page) -> None:
    """Make a domain of our own from a shipped one."""
    page.goto(f"{studio.url}/domains")
    ready(page)
    page.locator(".st-key-domain_retail").get_by_role("button", name="More").click()
    page.get_by_text("Duplicate", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Online shop support copy")
    with answered(page):
        dialog.get_by_label("Name", exact=True).fill("Garden shop")
        dialog.get_by_label("Name", exact=True).press("Tab")
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Garden shop")).to_be_visible()
    shown(page, "no problem found")
    assert f"id={SHOP}" in page.url


def change(page: Page) -> None:
    """Add a rule to the policy, and a parameter to a tool; its schema follows as one types."""
    with answered(page):
        page.get_by_role("tab", name="Policy").click()
    edit(page, "policy.md", lambda text: text.replace("## How you work\n", f"## How you work\n\n{RULE}"))
    page.get_by_role("tab", name="Tools").click()
    page.get_by_role("link", name="products.py").click()
    expect(page.get_by_role("heading", name="products.py")).to_be_visible()
    ready(page)
    edit(page, "tools/products.py", with_pieces)
    shown(page, "2 files unsaved")
    pick(page, page.get_by_role("combobox", name="Tool, as the model sees it"), TOOL)
    expect(page.locator("[role=gridcell]", has_text=re.compile("^pieces$")).first).to_be_attached()


def with_pieces(source: str) -> str:
    """Return the tools with one more parameter in one of them."""
    for old, new in (
        (f"def {TOOL}{SIGNATURE[0]}", f"def {TOOL}{SIGNATURE[1]}"),
        (ARGUMENT[0], "\n".join(ARGUMENT)),
        STORED,
        (TOLD[0], "\n".join(TOLD)),
    ):
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def try_and_save(studio: Studio, page: Page) -> None:
    """Call the changed tool in a sandbox before it is saved: result and changes are those of the new code."""
    for name, value in (("sku", "TOA04-MAT"), ("email", "ada@garden.example"), ("pieces (optional)", "3")):
        with answered(page):
            page.get_by_label(name, exact=True).fill(value)
            page.get_by_label(name, exact=True).press("Tab")
    page.get_by_role("button", name="Try it").click()
    shown(page, "answered", 90)
    answer = page.get_by_test_id("stJson").last
    expect(answer).to_contain_text(re.compile("pieces.*3"))
    expect(answer).to_contain_text("2026-11-23")
    shown(page, "alerts.json")
    expect(page.locator("[role=gridcell]", has_text="/TOA04-MAT").first).to_be_attached()
    page.get_by_label("Note on this version").fill("Alerts count pieces")
    page.get_by_role("button", name="Save", exact=True).click()
    shown(page, "Version 2")
    shown(page, "Everything is saved.")
    made = domains.get_domain(studio.database, SHOP)
    assert RULE in made.policy
    assert "pieces" in next(tool for tool in made.tools if tool.name == TOOL).parameters["properties"]


def prove(studio: Studio, page: Page, picture: Picture) -> None:
    """Prove a template that needs the changed tool: the chain is played, its changes and the checks are shown."""
    page.goto(f"{studio.url}/template?domain={SHOP}&template=restock_alert")
    ready(page)
    page.get_by_role("button", name="Prove").click()
    shown(page, "Proven", 90)
    shown(page, f"{TOOL}(sku=")
    segment(page, "Task and calls")
    shown(page, "Reference for user turn 1")
    shown(page, f"{TOOL}(sku=")
    segment(page, "State diff")
    shown(page, "alerts.json")
    expect(page.locator("[role=gridcell]", has_text="@").first).to_be_attached()
    segment(page, "Checks")
    for check in ("State", "Facts", "Finished"):
        expect(page.get_by_text(check, exact=True).first).to_be_visible()
    expect(page.get_by_text(re.compile("passed$")).first).to_be_visible()
    expect(page.get_by_text(re.compile("failed$"))).to_have_count(0)
    picture("template")
    page.goto(f"{studio.url}/domain?id={SHOP}")
    ready(page)
    shown(page, "no problem found")
    picture("domain")


# ---------------------------------------------------------------- generate, review, analyse


def generate(studio: Studio, page: Page, picture: Picture) -> int:
    """Launch a batch of the new domain through the form, close the page, and wait for the end."""
    page.get_by_test_id("stSidebarNav").get_by_text("New batch").click()
    expect(page.get_by_role("heading", name="New batch")).to_be_visible()
    ready(page)
    fill(page, "batch_name", "walk")
    fill(page, "batch_trajectories", str(NUMBER))
    chosen = page.locator(".st-key-batch_domains")
    expect(chosen).to_contain_text("Garden shop")  # saved last, so it alone is chosen
    expect(chosen).not_to_contain_text("Clinic")
    with answered(page):
        chosen.locator("input").press("Backspace")
    expect(page.locator(".st-key-launch button")).to_be_disabled()
    pick(page, chosen.locator("input"), "Garden shop")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-launch button")).to_be_enabled()
    picture("new-batch")
    page.locator(".st-key-launch button").click()
    page.wait_for_url(re.compile(r"/batch\?id=\d+"))
    ready(page)
    number = int(page.url.rsplit("=", 1)[1])
    page.goto("about:blank")
    until(lambda: batches.get_batch(studio.database, number).status == "done", 150)
    row = batches.get_batch(studio.database, number)
    (share,) = row.batch.domains
    assert (share.id, share.digest) == (SHOP, domains.get_domain(studio.database, SHOP).digest)
    assert row.progress.planned == NUMBER == row.progress.kept + row.progress.rejected + row.progress.failed
    assert row.progress.kept >= NUMBER * 0.8
    page.goto(f"{studio.url}/batch?id={number}")
    ready(page)
    expect(page.get_by_text(f"{NUMBER} of {NUMBER}")).to_be_visible()
    picture("batch")
    return number


def review(studio: Studio, page: Page, number: int, picture: Picture) -> tuple[int, int]:
    """From the batch into the queue; reject one trajectory and accept the next, by keyboard alone."""
    page.get_by_test_id("stMain").get_by_role("link", name="Review").first.click()
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    page.mouse.move(5, 5)  # over the table, its tools would cover the button
    page.get_by_role("button", name="Review the next one").click()
    page.wait_for_url(re.compile(r"/trajectory\?"))
    expect(page.locator(".viewer .turn").first).to_be_visible()
    ready(page)
    first = shown_number(page)
    picture("review")
    for key in ("j", "4", "j", "r", "Shift+R"):
        page.keyboard.press(key)
    until(lambda: trajectories.row(studio.database, first).standing == "rejected", 15)
    expect(page.locator("#turn-1 .marks")).to_contain_text("4 of 5")
    expect(page.locator("#turn-2 .marks")).to_contain_text("Reject")
    page.keyboard.press("Shift+N")
    expect(page.get_by_role("heading", name=f"Trajectory {first}", exact=True)).to_have_count(0)
    ready(page)
    second = shown_number(page)
    page.keyboard.press("y")
    until(lambda: trajectories.row(studio.database, second).standing == "accepted", 15)
    assert {one.batch_id for one in (trajectories.row(studio.database, n) for n in (first, second))} == {number}
    return second, first


def shown_number(page: Page) -> int:
    return int(page.get_by_role("heading", name=re.compile(r"Trajectory \d+")).inner_text().split()[-1])


def analyse(studio: Studio, page: Page, number: int, accepted: int, picture: Picture) -> None:
    """See the batch in the charts; the funnel's bar of what a human accepted opens exactly that trajectory."""
    for address, name in (("scores", "scores"), ("", "overview"), ("funnel", "funnel")):
        page.goto(f"{studio.url}/{address}")
        ready(page)
        page.wait_for_load_state("networkidle")
        assert page.get_by_test_id("stException").count() == 0
        if address:
            expect(page.locator(".bars .point path")).not_to_have_count(0)
        picture(name)
    bars = page.locator(".st-key-panel_funnel .bars .point path")
    click_bar(page, bars.nth(8))  # behind the eight steps come the parts: what a human accepted is the first
    expect(page.get_by_role("heading", name="Queue")).to_be_visible()
    expect(page.get_by_text("1 of 1 reviewed")).to_be_visible()
    expect(page.locator("[role=gridcell]", has_text=re.compile(rf"^{accepted}$")).first).to_be_attached()
    found = trajectories.count(studio.database, TrajectoryFilter(verdicts=("accept",), batches=(number,)))
    assert found == 1


# ---------------------------------------------------------------- export


def export(studio: Studio, page: Page, number: int, picture: Picture) -> list[dict[str, Any]]:
    """Build a training file of the batch, download it with a click, open it; return its rows."""
    page.goto(f"{studio.url}/batch?id={number}")
    ready(page)
    page.get_by_test_id("stMain").get_by_role("link", name="Export").first.click()
    page.wait_for_url(re.compile("/exports"))
    ready(page)
    expect(page.locator(".st-key-export_format input")).to_have_value(re.compile("^chat_jsonl"))
    page.locator(".st-key-build_export button").click()
    until(lambda: [r for r in exports.list_exports(studio.database) if r.status == "done"], 60)
    link = page.get_by_role("link", name=re.compile("Download"))
    expect(link.first).to_be_visible()
    picture("exports")
    link.first.evaluate("link => { link.target = '_self'; }")  # the download of a new tab belongs to no page
    with page.expect_download() as given:
        link.first.click()
    data = Path(given.value.path()).read_bytes()
    (row,) = exports.list_exports(studio.database)
    assert hashlib.sha256(data).hexdigest() == row.sha256
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert {"README.md", "report.json", "recipe.json"} <= {name.rsplit("/", 1)[-1] for name in names}
        lines = [json.loads(x) for n in names if n.endswith(".jsonl") for x in archive.read(n).splitlines()]
        report = json.loads(next(archive.read(n) for n in names if n.endswith("report.json")))
    assert len(lines) == row.rows == sum(report["splits"].values()) > NUMBER / 2
    return lines


def carries_what_was_designed(rows: list[dict[str, Any]]) -> None:
    """Every row opens with the new policy, and wherever the changed tool is offered it has its new parameter."""
    assert all(RULE in row["messages"][0]["content"] for row in rows)
    offered = [tool["function"] for row in rows for tool in json.loads(row["tools"])]
    changed = [one["parameters"]["properties"] for one in offered if one["name"] == TOOL]
    assert changed, "the mode distractors offers every tool of the domain"
    assert all(one["pieces"]["description"] == "How many pieces the customer wants." for one in changed)
