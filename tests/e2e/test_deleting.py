"""Deleting in the browser: nothing goes without a question or a way back; and a domain that starts empty."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from engine.domains import pack_files
from storage.designing import domains, personas
from tests.e2e.conftest import Studio, ready, until
from tests.e2e.controls import answered, area, edit, shown
from tests.e2e.test_design import visit
from tests.samples.packs import LEDGER
from tests.samples.personas import persona_named

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(studio: Studio) -> Studio:
    domains.save_domain(studio.database, pack_files.read_folder(LEDGER), based_on=None)
    return studio


def names(studio: Studio) -> set[str]:
    return {row.id for row in domains.list_domains(studio.database)}


def press(page: Page, name: str) -> None:
    with answered(page):
        page.get_by_role("button", name=name, exact=True).first.click()


def test_a_tool_file_that_was_never_saved_comes_back_with_all_that_was_typed(page: Page, studio: Studio) -> None:
    visit(page, studio, "/domain?id=ledger&tab=Tools")
    page.get_by_label("New tool file").fill("refunds")
    page.get_by_label("New tool file").press("Tab")
    press(page, "Create")
    edit(page, "tools/refunds.py", lambda text: text + "\n# mine\n")
    press(page, "Delete")
    shown(page, "This tool file is deleted")
    shown(page, "It was never saved")
    page.reload()
    ready(page)
    press(page, "Undo")
    assert "# mine" in area(page, "tools/refunds.py").input_value()
    press(page, "Discard")
    press(page, "Drop them")
    shown(page, "There is no such tool file")


def test_a_save_that_a_deleted_tool_hinders_leads_to_every_template_that_names_it(
    page: Page, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    visit(page, studio, "/domain?id=ledger&tab=Tools")
    with answered(page):
        page.locator('[class*="st-key-delete_ledger_tools-accounts-py"]').get_by_role(
            "button", name="Delete"
        ).first.click()
    shown(page, "Undo")
    press(page, "Save")
    shown(page, "Not saved. Nothing you typed is lost")
    for place in ("templates/balance.yaml line 13: turns.1.chain.1.call", "templates/compare.yaml line 15"):
        shown(page, place)
    screenshot("deleting-refused-save")
    page.get_by_role("link", name="Open templates/compare.yaml at line 15").click()
    ready(page)
    expect(page.get_by_role("heading", name="compare.yaml")).to_be_visible()
    shown(page, "call: get_balance")
    screenshot("deleting-template-at-its-line")
    press(page, "Undo")
    expect(page.get_by_text("This template cannot be used yet")).to_have_count(0)
    shown(page, "Everything is saved.")


def test_a_template_and_a_question_are_deleted_and_brought_back(page: Page, studio: Studio) -> None:
    before = dict(domains.get_domain(studio.database, "ledger").files)
    visit(page, studio, "/template?domain=ledger&template=move")
    press(page, "Delete")
    shown(page, "This template is deleted")
    page.get_by_role("link", name="To templates").click()
    ready(page)
    expect(page.get_by_role("tab", name="Templates")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tab", name="Questions").click()
    ready(page)
    with answered(page):
        page.locator(".st-key-question_gone_ledger_limit button").first.click()
    shown(page, "Question limit")
    assert "id: limit" not in area(page, "questions.yaml").input_value()
    press(page, "Undo")
    assert area(page, "questions.yaml").input_value() == before["questions.yaml"].decode()
    press(page, "Save")
    shown(page, "Everything is saved.")
    after = dict(domains.get_domain(studio.database, "ledger").files)
    assert before.keys() - after.keys() == {"templates/move.yaml"}
    assert all(after[path] == before[path] for path in after)


def test_a_domain_and_a_persona_leave_their_list_after_a_question_and_come_back(page: Page, studio: Studio) -> None:
    made = f"passing_{time.time_ns() % 1_000_000}"
    files = {**pack_files.read_folder(LEDGER)}
    files["domain.yaml"] = files["domain.yaml"].replace(b"id: ledger", f"id: {made}".encode())
    domains.save_domain(studio.database, files, based_on=None)
    visit(page, studio, f"/domains?text={made}")
    press(page, "More")
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete the domain").click()
    until(lambda: made not in names(studio))
    ready(page)
    page.get_by_text("Deleted domains (1)").click()
    with answered(page):
        page.locator(f".st-key-restore_domain_{made} button").click()
    until(lambda: made in names(studio))
    one = persona_named(made, name=f"Zoe {made}")
    personas.save_persona(studio.database, one, None)
    visit(page, studio, f"/personas?text={made}")
    press(page, "More")
    page.get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete the persona").click()
    until(lambda: personas.list_personas(studio.database, deleted=True))
    ready(page)
    page.get_by_text("Deleted personas (1)").click()
    with answered(page):
        page.locator(f".st-key-restore_persona_{made} button").click()
    until(lambda: personas.get_persona(studio.database, made).persona == one)


def test_a_domain_starts_empty_and_says_what_it_needs(
    page: Page, studio: Studio, screenshot: Callable[[str], Path]
) -> None:
    name = f"Bare {time.time_ns() % 1_000_000}"
    made = name.lower().replace(" ", "_")
    visit(page, studio, "/domains")
    page.get_by_role("button", name="New domain").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Name", exact=True).press("Tab")
    page.locator(".st-key-new_origin input").click()
    page.get_by_role("option", name="Empty: no tools").click()
    shown(page, "no batch can use it before")
    ready(page)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    shown(page, "No batch can use this domain yet")
    screenshot("empty-start")
    assert set(domains.get_domain(studio.database, made).files) == {"domain.yaml", "policy.md"}
    page.get_by_role("link", name="Open tools/").click()
    ready(page)
    shown(page, "No tools")
    visit(page, studio, "/new-batch")
    shown(page, f"{name} is not offered: it has no tool and no template yet.")
    screenshot("empty-start-not-offered")
    page.get_by_role("link", name=f"Finish {name}").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
