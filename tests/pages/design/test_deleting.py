"""Every delete of the studio asks first or can be undone, and loses nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from engine.domains import pack_files
from engine.errors import Conflict, InputError
from engine.types import Endpoint
from pages.design.parts.domain_dialogs import NOTHING, renamed
from pages.design.parts.draft.problems import problems_of
from pages.design.parts.draft.removals import Removal, cut_question, put_question, unpacked
from storage.database import Database
from storage.designing import domains, personas
from storage.generating import batches, endpoints
from tests.pages.design.test_domains_and_personas import button, errors, ledger, named, version
from tests.samples.batches import batch_of
from tests.samples.personas import persona_named

__all__ = ["ledger"]
Opener = Callable[..., AppTest]


def undo(page: AppTest) -> Any:
    return next(one for one in page.button if one.label == "Undo")


def deleted(page: AppTest) -> list[str]:
    return [one.value for one in page.markdown if "is deleted." in one.value]


def token_of(page: AppTest) -> str:
    found = page.query_params["draft"]
    return str(found[0] if isinstance(found, list) else found)


def files(database: Database) -> dict[str, bytes]:
    return dict(domains.get_domain(database, "ledger").files)


# ---------------------------------------------------------------- parts of a domain


def test_a_tool_file_that_was_never_saved_comes_back_as_it_was(open_page: Opener, ledger: Database) -> None:
    page = open_page("domain", id="ledger", tab="Tools")
    page.text_input(key="new_tool_ledger").set_value("refunds")
    page.button(key="new_tool_ledger_go").click().run()
    page = open_page("tool", domain="ledger", name="refunds", draft=token_of(page))
    area = page.text_area(key=named(page, "code_python"))
    area.set_value(area.value + "\n# mine\n").run()
    button(page, "Delete").click().run()
    assert not page.exception
    assert any("This tool file is deleted" in one.value for one in page.markdown)
    assert any("It was never saved" in one.value for one in page.caption)
    undo(page).click().run()
    assert page.text_area(key=named(page, "code_python")).value.endswith("# mine\n")
    assert deleted(page) == []


def test_a_saved_tool_file_goes_with_the_save_and_other_edits_stay(open_page: Opener, ledger: Database) -> None:
    before = files(ledger)
    page = open_page("domain", id="ledger", tab="Policy")
    page.text_area(key=named(page, "prose_ledger")).set_value("Mine.\n").run()
    page = page.switch_page("design/tool.py")
    page.query_params["domain"], page.query_params["name"] = "ledger", "distractors"
    page.run()
    button(page, "Delete").click().run()
    button(page, "Save").click().run()
    assert not page.exception
    assert version(ledger) == 2
    assert files(ledger) == {
        **{p: d for p, d in before.items() if p != "tools/distractors.py"},
        "policy.md": b"Mine.\n",
    }
    assert deleted(page) == []


def test_a_deleted_file_comes_back_from_the_address_after_a_reload(open_page: Opener, ledger: Database) -> None:
    page = open_page("template", domain="ledger", template="move")
    button(page, "Delete").click().run()
    again = open_page("template", domain="ledger", template="move", draft=token_of(page))
    assert any("This template is deleted" in one.value for one in again.markdown)
    undo(again).click().run()
    assert "Everything is saved." in [one.value for one in again.caption]


def test_a_save_that_fails_for_a_deleted_tool_links_every_template(open_page: Opener, ledger: Database) -> None:
    page = open_page("tool", domain="ledger", name="accounts")
    button(page, "Delete").click().run()
    button(page, "Save").click().run()
    assert version(ledger) == 1
    told = errors(page)
    assert "Not saved" in told
    links = [one.proto.label for one in page.get("page_link") if one.proto.label.startswith("Open ")]
    assert [label.replace("\\", "") for label in links] == [
        "Open templates/balance.yaml at line 13",
        "Open templates/compare.yaml at line 15",
        "Open templates/move.yaml at line 15",
    ]


def test_a_template_page_shows_the_line_that_a_link_names(open_page: Opener, ledger: Database) -> None:
    page = open_page("template", domain="ledger", template="balance", line=13)
    area = page.text_area(key=named(page, "code_ledger"))
    area.set_value(area.value.replace("call: get_balance", "call: gone")).run()
    assert any(">   13" in one.value and "call: gone" in one.value for one in page.code)


def test_a_question_is_cut_out_of_the_text_and_put_back(open_page: Opener, ledger: Database) -> None:
    before = files(ledger)["questions.yaml"].decode()
    page = open_page("domain", id="ledger", tab="Questions")
    page.button(key="question_gone_ledger_limit").click().run()
    assert not page.exception
    assert deleted(page) == [":material/delete: **Question limit** is deleted."]
    area = page.text_area(key=named(page, "code_ledger"))
    assert "id: limit" not in area.value
    assert "id: overdraft" in area.value
    area.set_value(area.value.replace("overdraft possible?", "overdraft?")).run()
    undo(page).click().run()
    after = page.text_area(key=named(page, "code_ledger")).value
    assert after == before.replace("overdraft possible?", "overdraft?"), "what was typed since stays"


def test_a_workspace_file_and_a_folder_come_back(open_page: Opener, ledger: Database) -> None:
    many = {**files(ledger), "variants/full/a.txt": b"1", "variants/full/b.txt": b"2"}
    domains.save_domain(ledger, many, based_on=1)
    page = open_page("domain", id="ledger", tab="Workspace")
    page.button(key="gone_ledger_workspace/accounts.json").click().run()
    assert deleted(page) == [":material/delete: **workspace/accounts\\.json** is deleted."]
    undo(page).click().run()
    page.selectbox(key="folder_ledger").set_value("variants/full/").run()
    page.button(key="gone_folder_ledger").click().run()
    assert "with 2 files" in deleted(page)[0]
    undo(page).click().run()
    assert not page.exception
    assert "Everything is saved." in [one.value for one in page.caption]


def test_an_upload_over_a_file_and_a_switch_onto_one_lose_nothing(open_page: Opener, ledger: Database) -> None:
    def draw() -> None:
        import streamlit as st

        from pages.design.parts.draft.deleting import notices, replace
        from pages.design.parts.draft.domain_draft import open_draft
        from pages.design.parts.tools.tool_files import switch

        draft = open_draft("ledger")[1]
        st.button("Upload", on_click=replace, args=("ledger", "workspace/accounts.json", b"{}"))
        st.button("Keep off", on_click=replace, args=("ledger", "tools/accounts.py.off", b"# mine"))
        st.button("Deactivate", on_click=switch, args=("ledger", "tools/accounts.py"), kwargs={"on": False})
        notices(draft)

    page = AppTest.from_function(draw, default_timeout=20).run()
    before = files(ledger)
    for label in ("Upload", "Keep off", "Deactivate"):
        button(page, label).click().run()
    assert not page.exception
    assert "There is a file `tools/accounts" in errors(page)
    draft = page.session_state["drafts"]["ledger"]
    assert draft.files()["tools/accounts.py.off"] == b"# mine"
    assert any("workspace/accounts" in one.value and "is replaced" in one.value for one in page.markdown)
    undo(page).click().run()
    assert draft.files()["workspace/accounts.json"] == before["workspace/accounts.json"]


def test_an_undo_never_overwrites_a_file_made_since(open_page: Opener, ledger: Database) -> None:
    page = open_page("tool", domain="ledger", name="distractors")
    button(page, "Delete").click().run()
    page.switch_page("design/domain.py")
    page.query_params["id"], page.query_params["tab"] = "ledger", "Tools"
    page.run()
    page.text_input(key="new_tool_ledger").set_value("distractors")
    page.button(key="new_tool_ledger_go").click().run()
    page = open_page("domain", id="ledger", draft=token_of(page))
    undo(page).click().run()
    assert "There is a file `tools/distractors" in errors(page)
    assert page.session_state["drafts"]["ledger"].text("tools/distractors.py").count("def distractors(text") == 1


# ---------------------------------------------------------------- whole things


def test_a_deleted_persona_is_restored_from_the_list(open_page: Opener, database: Database) -> None:
    personas.save_persona(database, persona_named("zoe"), None)
    personas.delete_persona(database, "zoe", based_on=1)
    page = open_page("personas")
    assert any("Deleted personas (1)" in one.label for one in page.expander)
    page.button(key="restore_persona_zoe").click().run()
    assert not page.exception
    assert personas.get_persona(database, "zoe").persona == persona_named("zoe")
    with pytest.raises(InputError, match="no deleted persona"):
        personas.restore_persona(database, "zoe")


def test_a_deleted_domain_is_restored_with_its_versions(open_page: Opener, ledger: Database) -> None:
    domains.save_domain(ledger, {**files(ledger), "policy.md": b"Two.\n"}, based_on=1)
    domains.delete_domain(ledger, "ledger", based_on=2)
    page = open_page("domains")
    page.button(key="restore_domain_ledger").click().run()
    assert not page.exception
    assert [row.version for row in domains.versions(ledger, "ledger")] == [2, 1]
    assert domains.get_domain(ledger, "ledger").policy == "Two.\n"


def test_deleting_what_another_tab_changed_is_a_conflict(ledger: Database) -> None:
    domains.save_domain(ledger, {**files(ledger), "policy.md": b"Theirs.\n"}, based_on=1)
    with pytest.raises(Conflict, match="was changed by someone else"):
        domains.delete_domain(ledger, "ledger", based_on=1)
    personas.save_persona(ledger, persona_named("zoe"), None)
    personas.save_persona(ledger, persona_named("zoe"), 1)
    with pytest.raises(Conflict):
        personas.delete_persona(ledger, "zoe", based_on=1)
    endpoints.save_endpoint(ledger, "m", Endpoint(model="a"), None)
    endpoints.save_endpoint(ledger, "m", Endpoint(model="b"), 1)
    with pytest.raises(Conflict):
        endpoints.delete_endpoint(ledger, "m", based_on=1)
    assert len(domains.list_domains(ledger)) == len(personas.list_personas(ledger)) == 1


# ---------------------------------------------------------------- an empty start


def bare(database: Database) -> None:
    domains.save_domain(database, renamed(pack_files.read_folder(NOTHING), "bare", "Bare"), based_on=None)


def test_an_empty_domain_is_saved_and_says_what_it_needs(open_page: Opener, database: Database) -> None:
    bare(database)
    page = open_page("domain", id="bare")
    assert not page.exception
    assert "No batch can use this domain yet" in page.warning[0].value
    assert "defines no tool" in page.warning[0].value
    for tab in ("Policy", "Tools", "Templates", "Questions", "Workspace", "Settings", "Versions"):
        assert not open_page("domain", id="bare", tab=tab).exception
    page = open_page("domains")
    assert any("unfinished" in one.value for one in page.markdown)


def test_an_empty_domain_is_not_offered_with_the_reason(open_page: Opener, ledger: Database) -> None:
    bare(ledger)
    page = open_page("new-batch")
    assert page.multiselect(key="batch_domains").options == ["Ledger"]
    assert any("it has no tool and no template yet" in one.value for one in page.caption)
    assert any(one.proto.label == "Finish Bare" for one in page.get("page_link"))
    with pytest.raises(InputError, match=r"domains.1: bare cannot be used yet: it has no tool"):
        batches.create_batch(ledger, batch_of(domains.get_domain(ledger, "ledger"), domains=[{"id": "bare"}]))


# ---------------------------------------------------------------- the parts


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_question_is_cut_by_lines_and_put_back(place: int) -> None:
    text = "# head\n- id: a\n  say: [x]\n# about b\n-\n  id: b\n\n- id: c\n  say: |\n    - no entry\n# end"
    rest, entry = cut_question(text, place)
    assert f"id: {'abc'[place]}" in entry
    assert f"id: {'abc'[place]}" not in rest
    assert yaml.safe_load(put_question(rest, entry, place)) == yaml.safe_load(text)
    one = Removal("q", entry=entry, place=place, before=text, after=rest)
    assert one.questions(rest) == text, "to the byte where nothing was typed since"
    assert yaml.safe_load(one.questions(rest + "\n- id: d\n")) == [*yaml.safe_load(text), {"id": "d"}]


def test_a_question_in_a_list_on_one_line_is_cut_and_put_back_by_value() -> None:
    rest, entry = cut_question("[{id: a}, {id: b}]\n", 0)
    assert rest == "- id: b\n"
    assert put_question(rest, entry, 0) == "- id: a\n- id: b\n"
    assert put_question("", "- id: a\n", 3) == "- id: a\n"


def test_a_removal_survives_the_database() -> None:
    one = Removal("x", {"a.bin": b"\xff\x00"}, entry="- id: a\n", place=2, warning="w")
    assert unpacked(one.packed()) == one


def test_a_problem_keeps_its_file_and_line() -> None:
    (one,) = problems_of(InputError("a line 2", "is wrong.", file="a", line=2))
    assert (str(one), one.file, one.line) == ("a line 2: is wrong.", "a", 2)
