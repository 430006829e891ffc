"""Designing in the browser: a domain from the skeleton to a saved, proven version; conflicts; imports and exports."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from engine import settings
from engine.domains import pack_files
from storage.designing import domains
from tests.e2e.conftest import Studio, ready, until
from tests.e2e.controls import answered, area, edit, pick, shown
from tests.samples.packs import LEDGER

pytestmark = pytest.mark.browser

SKELETON = settings.ROOT / "assets" / "new_domain"


@pytest.fixture(scope="module")
def studio(studio_with_engine: Studio) -> Studio:
    """The studio of this file has an engine, and the test pack `ledger`."""
    domains.save_domain(studio_with_engine.database, pack_files.read_folder(LEDGER), based_on=None)
    return studio_with_engine


def visit(page: Page, studio: Studio, path: str) -> None:
    page.goto(studio.url + path)
    ready(page)


def version(studio: Studio, id: str) -> int:
    return next(row.version for row in domains.list_domains(studio.database) if row.id == id)


def text_of(studio: Studio, id: str, path: str) -> str:
    return domains.get_domain(studio.database, id).files[path].decode()


def test_a_domain_goes_from_the_skeleton_to_a_tried_proven_and_saved_version(
    page: Page, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    name = f"Front desk {time.time_ns() % 1_000_000}"  # a second try must not meet the first one's domain
    made = name.lower().replace(" ", "_")
    visit(page, studio, "/domains")
    page.get_by_role("button", name="New domain").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Name", exact=True).press("Tab")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    shown(page, "no problem found")

    page.get_by_role("tab", name="Tools").click()
    page.get_by_role("link", name="items.py").click()
    edit(
        page, "tools/items.py", lambda text: text.replace('item["status"] = status', 'item["status"] = status.upper()')
    )
    shown(page, "1 file unsaved")
    pick(page, page.get_by_role("combobox", name="Tool, as the model sees it"), "set_status")
    with answered(page):
        page.get_by_label("item_id", exact=True).fill("T-1")
        page.get_by_label("item_id", exact=True).press("Tab")
    page.get_by_role("button", name="Try it").click()
    shown(page, "answered", 90)
    shown(page, "What it changed")
    shown(page, "todo.json")
    screenshot("design-try-tool")

    page.get_by_label("Note on this version").fill("Shouting statuses")
    page.get_by_role("button", name="Save", exact=True).click()
    shown(page, "Version 2")
    assert "upper()" in text_of(studio, made, "tools/items.py")
    assert domains.versions(studio.database, made)[0].note == "Shouting statuses"

    visit(page, studio, f"/template?domain={made}&template=finish_item")
    page.get_by_role("button", name="Prove").click()
    shown(page, "Proven", 90)
    shown(page, "list_items(")
    screenshot("design-prove")
    edit(page, "templates/finish_item.yaml", lambda text: text.replace('facts: ["', 'facts: ["nowhere said", "'))
    page.get_by_role("button", name="Prove").click()
    shown(page, "Rejected: Unsolvable", 90)
    shown(page, "does not state")


def test_a_tool_with_a_syntax_error_is_saved_only_as_inactive(page: Page, studio: Studio) -> None:
    visit(page, studio, "/tool?domain=ledger&name=distractors")
    before = version(studio, "ledger")
    edit(page, "tools/distractors.py", lambda text: text + "\n\ndef broken(:\n    pass\n")
    shown(page, "invalid syntax")
    page.get_by_role("button", name="Save", exact=True).click()
    shown(page, "Not saved. Nothing you typed is lost")
    assert version(studio, "ledger") == before
    page.get_by_role("button", name="Deactivate").click()
    shown(page, "inactive")
    page.get_by_role("button", name="Save", exact=True).click()
    shown(page, f"Version {before + 1}")
    assert "broken(:" in text_of(studio, "ledger", "tools/distractors.py.off")


def test_what_is_typed_survives_a_reload(page: Page, studio: Studio) -> None:
    visit(page, studio, "/domain?id=ledger&tab=Policy")
    edit(page, "policy.md", lambda text: text + "\nAlways be brief.\n")
    shown(page, "1 file unsaved")
    page.reload()
    ready(page)
    shown(page, "1 file unsaved")
    assert "Always be brief." in area(page, "policy.md").input_value()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Drop them").click()
    shown(page, "Everything is saved.")
    assert "Always be brief." not in text_of(studio, "ledger", "policy.md")


def test_the_later_save_of_two_tabs_is_told_and_keeps_its_text(
    context: BrowserContext, page: Page, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    other = context.new_page()
    for tab in (page, other):
        visit(tab, studio, "/domain?id=ledger&tab=Policy")
    edit(page, "policy.md", lambda text: text + "\nFirst tab.\n")
    edit(other, "policy.md", lambda text: text + "\nSecond tab.\n")
    page.get_by_role("button", name="Save", exact=True).click()
    shown(page, "Everything is saved.")
    saved = version(studio, "ledger")
    other.get_by_role("button", name="Save", exact=True).click()
    shown(other, "somebody else saved this in the meantime")
    assert version(studio, "ledger") == saved
    assert "Second tab." in area(other, "policy.md").input_value()
    other.screenshot(path=screenshot("design-conflict-first").with_name("design-conflict.png"))
    other.get_by_role("button", name="Lay my changes over").click()
    shown(other, f"Version {saved}")
    other.get_by_role("button", name="Save", exact=True).click()
    shown(other, f"Version {saved + 1}")
    assert "Second tab." in text_of(studio, "ledger", "policy.md")


def test_a_broken_zip_is_refused_whole_with_every_error(page: Page, studio: Studio, tmp_path: Path) -> None:
    files = pack_files.read_folder(SKELETON)
    files["domain.yaml"] = files["domain.yaml"].replace(b"id: new_domain", b"id: broken_pack\ncolour: red")
    files["tools/items.py"] += b"\ndef oops(:\n"
    files["templates/item_status.yaml"] = b"id: item_status\ntitle: [\n"
    archive = tmp_path / "broken.zip"
    archive.write_bytes(pack_files.to_zip(files))
    visit(page, studio, "/domains")
    page.get_by_role("button", name="Import").click()
    page.locator('input[type="file"]').set_input_files(archive)
    shown(page, "Refused, nothing was imported. 3 problems")
    for place in ("domain.yaml line 3: colour", "tools/items.py line", "templates/item_status.yaml line"):
        shown(page, place)
    assert "broken_pack" not in {row.id for row in domains.list_domains(studio.database)}


def test_an_exported_zip_comes_back_as_it_was(page: Page, studio: Studio, tmp_path: Path) -> None:
    visit(page, studio, "/domain?id=ledger")
    with page.expect_download() as given:
        page.get_by_role("button", name="Export").click()
    archive = tmp_path / "ledger.zip"
    given.value.save_as(archive)
    assert "domain.yaml" in zipfile.ZipFile(io.BytesIO(archive.read_bytes())).namelist()
    visit(page, studio, "/domains")
    page.get_by_role("button", name="Import").click()
    page.locator('input[type="file"]').set_input_files(archive)
    page.get_by_text("as a new domain").click()
    page.get_by_label("Id of the new domain").fill("ledger_again")
    page.get_by_label("Id of the new domain").press("Tab")
    ready(page)
    page.get_by_test_id("stDialog").get_by_role("button", name="Import").click()
    shown(page, "ledger_again")
    first, again = (dict(domains.get_domain(studio.database, id).files) for id in ("ledger", "ledger_again"))
    assert first.pop("domain.yaml") != again.pop("domain.yaml")
    assert first == again


def test_a_folder_is_imported(page: Page, studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    files = pack_files.read_folder(SKELETON)
    files["domain.yaml"] = files["domain.yaml"].replace(b"id: new_domain", b"id: from_folder")
    pack_files.write_folder(files, folder)
    visit(page, studio, "/domains")
    page.get_by_role("button", name="Import").click()
    page.get_by_text("Folder", exact=True).click()
    page.locator('input[type="file"][webkitdirectory]').set_input_files(folder)
    page.get_by_test_id("stDialog").get_by_role("button", name="Import").click()
    until(lambda: "from_folder" in {row.id for row in domains.list_domains(studio.database)})
    assert domains.get_domain(studio.database, "from_folder").files == files


def test_a_persona_is_made_edited_and_deleted(page: Page, studio: Studio) -> None:
    name = f"Lighthouse keeper {time.time_ns() % 1_000_000}"  # a second try must not meet the first one's persona
    visit(page, studio, "/personas")
    page.get_by_role("button", name="New persona").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Description", exact=True).fill("You write between two ships.")
    page.get_by_label("Openings, one per line").fill("Quick one,")
    page.get_by_label("Openings, one per line").press("Tab")
    expect(page.get_by_test_id("stDialog").get_by_text("Quick one, could you")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    shown(page, "Persona saved")
    with answered(page):
        page.get_by_placeholder("Search personas").fill(name.lower())
        page.get_by_placeholder("Search personas").press("Enter")
    shown(page, "1 persona of")
    page.get_by_role("button", name="More").click()
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete the persona").click()
    shown(page, "No persona matches")
