"""The design pages without a browser: lists, drafts, versions, derived schemas, forms, refusals."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from streamlit.testing.v1 import AppTest

from engine.domains import catalog, pack_files
from engine.errors import InputError
from pages._ui.schema_form import json_arguments, type_words
from pages.design.parts.domain_dialogs import SKELETON, from_upload, id_from, renamed
from pages.design.parts.persona_form import sample_line
from pages.design.parts.templates.template_files import checked_template, template_path
from pages.design.parts.tools.tool_files import derived, find_tool_file, tool_files
from storage.database import Database
from storage.designing import domains, personas
from storage.serving import requests
from tests.samples.packs import LEDGER
from tests.samples.turns import HOSTILE

PERSONAS = Path(__file__).resolve().parents[3] / "assets" / "personas"
TABS = ("Overview", "Policy", "Tools", "Templates", "Questions", "Workspace", "Settings", "Versions")
Opener = Callable[..., AppTest]


@pytest.fixture
def ledger(database: Database) -> Database:
    """A database that holds the pack `ledger` in version 1."""
    domains.save_domain(database, pack_files.read_folder(LEDGER), based_on=None)
    return database


def named(page: AppTest, start: str) -> str:
    """Return the key of the text area whose key starts so."""
    return next(area.key for area in page.text_area if area.key and area.key.startswith(start))


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


def errors(page: AppTest) -> str:
    return "\n".join(one.value for one in page.error)


def version(database: Database) -> int:
    return next(row.version for row in domains.list_domains(database) if row.id == "ledger")


def test_the_list_searches_and_says_when_nothing_fits(open_page: Opener, ledger: Database) -> None:
    page = open_page("domains")
    assert [one.value for one in page.header] == ["Ledger"]
    page = open_page("domains", text="zzz")
    assert not page.exception
    assert not page.header
    assert any("No domain matches" in one.value for one in page.caption)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens(open_page: Opener, ledger: Database, tab: str) -> None:
    page = open_page("domain", id="ledger", tab=tab)
    assert not page.exception
    assert not page.error
    assert page.title[0].value == "Ledger"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("domain", {"id": "nothing"}),
        ("domain", {"id": "<script>", "tab": "Nowhere"}),
        ("tool", {"domain": "ledger", "name": "../../etc/passwd"}),
        ("tool", {"domain": "", "name": ""}),
        ("template", {"domain": "ledger", "template": "x" * 500}),
    ],
)
def test_what_does_not_exist_is_said(
    open_page: Opener, ledger: Database, name: str, parameters: dict[str, str]
) -> None:
    page = open_page(name, **parameters)
    assert not page.exception
    assert any("There is no such" in one.value for one in page.markdown)


def test_an_edit_is_a_draft_until_it_is_saved_as_a_version(open_page: Opener, ledger: Database) -> None:
    page = open_page("domain", id="ledger", tab="Policy")
    area = page.text_area(key=named(page, "prose_ledger"))
    area.set_value(area.value + "\nBe brief.\n").run()
    assert any("1 file unsaved" in one.value for one in page.markdown)
    assert version(ledger) == 1
    page.text_input(key="note_ledger").set_value("Brevity").run()
    button(page, "Save").click().run()
    assert not page.exception
    assert version(ledger) == 2
    assert domains.versions(ledger, "ledger")[0].note == "Brevity"
    assert domains.get_domain(ledger, "ledger").policy.endswith("Be brief.\n")


def test_edits_are_dropped_only_after_a_question(open_page: Opener, ledger: Database) -> None:
    page = open_page("domain", id="ledger", tab="Policy")
    assert page.button(key="discard_ledger").disabled
    before = page.text_area(key=named(page, "prose_ledger")).value
    page.text_area(key=named(page, "prose_ledger")).set_value("Mine.\n").run()
    page.button(key="discard_ledger").click().run()
    assert any("Drop your changes of 1 file?" in one.value for one in page.markdown)
    page.button(key="discard_ledger_no").click().run()
    assert page.text_area(key=named(page, "prose_ledger")).value == "Mine.\n"
    page.button(key="undo_ledger_policy.md").click().run()
    assert page.text_area(key=named(page, "prose_ledger")).value == "Mine.\n"
    page.button(key="discard_ledger").click().run()
    page.button(key="discard_ledger_yes").click().run()
    assert page.text_area(key=named(page, "prose_ledger")).value == before
    assert any("Everything is saved" in one.value for one in page.caption)


def test_a_persona_that_is_being_written_is_dropped_only_after_a_question(database: Database) -> None:
    def draw() -> None:
        from pages.design.parts.persona_form import draw_form

        draw_form(None, False, "new")

    form = AppTest.from_function(draw).run()
    form.button(key="persona_new_close").click().run()
    assert not form.markdown, "nothing was written, so nothing is asked"
    form.text_input(key="persona_new_name").set_value("Night nurse").run()
    form.button(key="persona_new_close").click().run()
    assert any("Drop what you wrote?" in one.value for one in form.markdown)
    form.button(key="persona_new_close_no").click().run()
    assert form.text_input(key="persona_new_name").value == "Night nurse"


def test_saving_nothing_makes_no_version(open_page: Opener, ledger: Database) -> None:
    page = open_page("domain", id="ledger")
    button(page, "Save").click().run()
    assert version(ledger) == 1
    assert "Nothing has changed" in page.toast[0].value


def test_a_stale_save_is_told_and_can_be_laid_over_the_newer_version(open_page: Opener, ledger: Database) -> None:
    page = open_page("domain", id="ledger", tab="Policy")
    area = page.text_area(key=named(page, "prose_ledger"))
    area.set_value("Mine.\n").run()
    files = {**pack_files.read_folder(LEDGER), "questions.yaml": b"[]\n"}
    domains.save_domain(ledger, files, based_on=1, note="theirs")
    button(page, "Save").click().run()
    assert "somebody else saved" in errors(page)
    assert page.text_area(key=named(page, "prose_ledger")).value == "Mine.\n"
    page.button(key="rebase").click().run()
    button(page, "Save").click().run()
    assert not page.exception
    saved = domains.get_domain(ledger, "ledger")
    assert version(ledger) == 3
    assert (saved.policy, saved.questions) == ("Mine.\n", ())


def test_a_domain_that_was_deleted_meanwhile_gives_back_what_was_typed(open_page: Opener, ledger: Database) -> None:
    page = open_page("domain", id="ledger", tab="Policy")
    page.text_area(key=named(page, "prose_ledger")).set_value("Mine.\n").run()
    domains.delete_domain(ledger, "ledger")
    page.run()
    assert not page.exception
    assert "deleted this domain" in page.warning[0].value
    assert page.get("download_button")


def test_a_source_with_a_syntax_error_is_refused_with_its_line_and_kept_when_inactive(
    open_page: Opener, ledger: Database
) -> None:
    page = open_page("tool", domain="ledger", name="distractors")
    area = page.text_area(key=named(page, "code_python"))
    area.set_value(area.value + "def broken(:\n").run()
    assert "tools/distractors\\.py line 13" in errors(page)
    button(page, "Save").click().run()
    assert "Not saved" in errors(page)
    assert version(ledger) == 1
    button(page, "Deactivate, to save it unfinished").click().run()
    button(page, "Save").click().run()
    assert not page.exception
    files = domains.get_domain(ledger, "ledger").files
    assert b"broken(:" in files["tools/distractors.py.off"]
    assert "tools/distractors.py" not in files


def test_try_it_asks_the_engine_with_what_is_not_saved_yet(open_page: Opener, ledger: Database) -> None:
    page = open_page("tool", domain="ledger", name="get_balance")
    area = page.text_area(key=named(page, "code_python"))
    area.set_value(area.value.replace("Return the balance", "Return the whole balance")).run()
    assert any("Return the whole balance" in one.value for one in page.get("text"))
    page.text_input(key="try_ledger_tools/accounts.py_get_balance_account_id").set_value("A-1").run()
    button(page, "Try it").click().run()
    asked = requests.claim_request(ledger, "test", 1.0)
    assert asked is not None
    assert asked.kind == "try_tool"
    assert asked.payload["tool"] == "get_balance"
    assert asked.payload["arguments"] == {"account_id": "A-1"}
    assert "whole balance" in asked.payload["overrides"]["tools/accounts.py"]
    result = {"content": HOSTILE, "fault": "tool_crash", "truncated": False, "seconds": 0.1}
    requests.finish_request(ledger, asked.id, {"result": result, "diff": {"changes": []}, "sandbox": "local"})
    page.run()
    assert not page.exception
    assert any(HOSTILE in one.value for one in page.code)


def test_what_is_typed_last_is_tried_with_a_click_at_once(open_page: Opener, ledger: Database) -> None:
    page = open_page("tool", domain="ledger", name="transfer")
    button(page, "Try it").click().run()
    assert requests.claim_request(ledger, "test", 1.0) is None, "a number is missing"
    page.number_input(key="try_ledger_tools/accounts.py_transfer_amount").set_value(5.0)
    button(page, "Try it").click().run()
    asked = requests.claim_request(ledger, "test", 1.0)
    assert asked is not None
    assert asked.payload["arguments"]["amount"] == 5.0


def test_a_template_shows_what_is_wrong_and_proves_what_is_right(open_page: Opener, ledger: Database) -> None:
    page = open_page("template", domain="ledger", template="balance")
    assert {"Single call", "Missing parameter"} <= {
        word for one in page.markdown for word in ("Single call", "Missing parameter") if word in one.value
    }
    button(page, "Prove").click().run()
    asked = requests.claim_request(ledger, "test", 1.0)
    assert asked is not None
    assert (asked.kind, asked.payload["template"]) == ("prove", "balance")
    requests.finish_request(ledger, asked.id, error="no_slot_rows: no row of the workspace fits its slots.")
    page.run()
    assert "no\\_slot\\_rows" in errors(page)
    area = page.text_area(key=named(page, "code_ledger"))
    area.set_value(area.value.replace("call: get_balance", "call: get_blance")).run()
    assert "get\\_blance" in errors(page)
    assert "Prove" not in [one.label for one in page.button]


def test_a_template_without_a_goal_for_every_turn_is_warned_about_and_may_be_saved(
    open_page: Opener, ledger: Database
) -> None:
    assert any("in move" in one.value for one in open_page("domain", id="ledger", tab="Overview").warning)
    page = open_page("template", domain="ledger", template="move")
    assert any("goal is missing" in one.value for one in page.warning)
    assert not page.error
    editor = next(area for area in page.text_area if "move" in area.value)
    first, second = "  - goal: You want it moved.\n    say:", "  - goal: Then you ask.\n    say:"
    head, one, two = editor.value.split("  - say:")
    editor.set_value(head + first + one + second + two).run()
    assert not [told for told in page.warning if "goal" in told.value]
    page.button(key="save_ledger").click().run()
    assert not page.exception
    (move,) = (one for one in domains.get_domain(ledger, "ledger").templates if one.id == "move")
    assert [turn.goal for turn in move.turns] == ["You want it moved.", "Then you ask."]
    assert not [told for told in open_page("domain", id="ledger", tab="Overview").warning if "goal" in told.value]


def test_settings_refuse_another_id(open_page: Opener, ledger: Database) -> None:
    page = open_page("domain", id="ledger", tab="Settings")
    area = page.text_area(key=named(page, "code_ledger"))
    area.set_value(area.value.replace("id: ledger", "id: other")).run()
    assert "The id must stay" in errors(page)
    button(page, "Save").click().run()
    assert "Duplicate the domain" in errors(page)
    assert [row.id for row in domains.list_domains(ledger)] == ["ledger"]


def test_an_older_version_is_restored(open_page: Opener, ledger: Database) -> None:
    domains.save_domain(ledger, {**pack_files.read_folder(LEDGER), "policy.md": b"Changed.\n"}, based_on=1)
    first = domains.versions(ledger, "ledger")[-1]
    page = open_page("domain", id="ledger", tab="Versions")
    page.session_state["versions_ledger"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page.run()
    button(page, "Restore version 1").click().run()
    assert not page.exception
    assert version(ledger) == 3
    assert domains.versions(ledger, "ledger")[0].digest == first.digest


def test_personas_are_listed_filtered_and_searched(open_page: Opener, database: Database) -> None:
    personas.seed_personas(database, PERSONAS)
    page = open_page("personas")
    assert not page.exception
    assert any(f"{len(personas.list_personas(database))} personas" in one.value for one in page.caption)
    page = open_page("personas", text="night owl")
    assert any("1 persona of" in one.value for one in page.caption)


# ---------------------------------------------------------------- the parts


def test_the_skeleton_is_a_valid_pack_under_any_id() -> None:
    files = renamed(pack_files.read_folder(SKELETON), "my_shop", 'My "shop": a test', "Sells\nthings")
    domain = catalog.parse(files)
    assert (domain.id, domain.name, domain.description) == ("my_shop", 'My "shop": a test', "Sells\nthings")
    assert {tool.effect for tool in domain.tools} == {"read", "write"}
    assert domain.questions
    assert len(domain.templates) == 2
    assert id_from("My Shop & Co.") == "my_shop_co"


def test_an_uploaded_folder_is_read_like_a_zip_of_it() -> None:
    files = pack_files.read_folder(SKELETON)
    assert from_upload({f"pack/{path}": data for path, data in files.items()}) == files
    with pytest.raises(InputError, match="leads out"):
        from_upload({"../../evil.py": b"x"})


def test_tool_files_know_their_state() -> None:
    files = {
        "tools/_store.py": b"x = 1\n",
        "tools/bad.py.off": b"def f(:\n",
        "tools/items.py": pack_files.read_folder(SKELETON)["tools/items.py"],
        "tools/notes.txt": b"",
    }
    known = {one.name: one for one in tool_files(files)}
    assert set(known) == {"_store.py", "bad.py", "items.py"}
    assert known["_store.py"].private
    assert not known["bad.py"].active
    assert "line 1" in known["bad.py"].problems[0]
    found = find_tool_file(files, "set_status")
    assert found is not None
    assert found.path == "tools/items.py"
    assert find_tool_file(files, "absent") is None
    assert derived("tools/x.py", "def f(a): pass")[1]


def test_a_template_is_checked_alone_and_must_be_called_as_its_file() -> None:
    files = pack_files.read_folder(LEDGER)
    path = template_path(files, "balance")
    assert path == "templates/balance.yaml"
    domain, template, problems = checked_template(files, path)
    assert domain is not None
    assert template is not None
    assert not problems
    moved = {**files, "templates/other.yaml": files[path]}
    assert "the file is called 'other'" in checked_template(moved, "templates/other.yaml")[2][0]
    broken = {**files, path: b"id: [\n"}
    assert checked_template(broken, path)[0] is None
    assert "line" in checked_template(broken, path)[2][0]


def test_arguments_as_json_must_be_an_object() -> None:
    assert json_arguments('{"a": [1]}') == ({"a": [1]}, [])
    assert "no JSON" in json_arguments("{")[1][0]
    assert "no object" in json_arguments("[1]")[1][0]


def test_types_are_said_in_words() -> None:
    tool = next(one for one in catalog.parse(pack_files.read_folder(SKELETON)).tools if one.name == "set_status")
    said = {name: type_words(schema) for name, schema in tool.parameters["properties"].items()}
    assert said == {"item_id": "string", "status": "one of open, doing, done"}
    assert type_words({"enum": ["a", "b"]}) == "one of a, b"
    assert type_words({"type": "array", "items": {"type": "integer"}}) == "list of integer"
    assert type_words({"type": "object", "additionalProperties": {"type": "number"}}) == "object of number"


def test_a_sample_line_opens_the_way_the_persona_does(database: Database) -> None:
    personas.seed_personas(database, PERSONAS)
    one = personas.get_persona(database, "site_foreman").persona
    lines = {sample_line(one, turn) for turn in range(3)}
    assert len(lines) == 3
    assert any(line.startswith("Need this done. Could you look up") for line in lines)


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["item", "price"])
    book.active.append(["lamp", 12.5])
    book.save(target := io.BytesIO())
    return target.getvalue()


def archive() -> bytes:
    with zipfile.ZipFile(target := io.BytesIO(), "w") as made:
        made.writestr("inner/prices.csv", "item,price\n")
    return target.getvalue()


@pytest.mark.parametrize(("name", "data", "told"), [("a.xlsx", workbook(), "lamp"), ("a.zip", archive(), "prices.csv")])
def test_a_workspace_file_that_is_no_text_can_be_looked_into(
    open_page: Opener, ledger: Database, name: str, data: bytes, told: str
) -> None:
    files = {**pack_files.read_folder(LEDGER), f"workspace/{name}": data}
    domains.save_domain(ledger, files, based_on=1, note="")
    page = open_page("domain", id="ledger", tab="Workspace")
    assert not page.exception
    assert told in page.dataframe[1].value.to_string()


@pytest.mark.parametrize("name", ["a.xlsx", "a.zip", "a.pdf"])
def test_a_broken_workspace_file_is_said_and_breaks_nothing(open_page: Opener, ledger: Database, name: str) -> None:
    files = {**pack_files.read_folder(LEDGER), f"workspace/{name}": b"PK\x03\x04 and nothing more \xff"}
    domains.save_domain(ledger, files, based_on=1, note="")
    page = open_page("domain", id="ledger", tab="Workspace")
    assert not page.exception
    assert "Download it to look inside" in errors(page)
