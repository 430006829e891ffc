"""The part "Shared tools" of a domain's page: adding, updating, taking out, and sharing a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.domains.shared_tools import names_in
from storage.database import Database
from storage.designing import domains
from storage.designing.shared_tools import finder, list_shared, share

TOOL = b'"""Greeting."""\n\n\ndef greet() -> str:\n    """Greet.\n\n    Effect: read\n    """\n    return "hello"\n'
SECOND = TOOL.replace(b"hello", b"good day")
Opener = Callable[..., AppTest]


@pytest.fixture
def library(ready: Database) -> Database:
    """A database with the ledger and one shared file."""
    share(ready, "greeting", TOOL, based_on=None)
    return ready


def opened(open_page: Opener, tab: str = "Tools") -> AppTest:
    page = open_page("domain", id="ledger", tab=tab)
    assert not page.exception
    return page


def saved(db: Database) -> dict[str, Any]:
    return domains.get_domain(db, "ledger").files


def captions(page: AppTest) -> str:
    """Return what the captions of a page say, without the marks that keep Markdown away."""
    return re.sub(r"\\(.)", r"\1", "\n".join(one.value for one in page.caption))


def area(page: AppTest) -> Any:
    return next(one for one in page.text_area if one.key and one.key.endswith("_domain.yaml"))


def test_a_shared_file_is_added_updated_and_taken_out(open_page: Opener, library: Database) -> None:
    before = saved(library)
    page = opened(open_page)
    page.button(key="shared_add_ledger").click().run()
    assert "domain.yaml, shared/greeting@1.py" in captions(page)
    page.button(key="save_ledger").click().run()
    assert saved(library)["shared/greeting@1.py"] == TOOL
    assert names_in(saved(library)) == ["greeting@1"]

    share(library, "greeting", SECOND, based_on=1)
    page = opened(open_page)
    assert page.button(key="shared_new_ledger_greeting@1").label == "Use version 2"
    page.button(key="shared_new_ledger_greeting@1").click().run()
    page.button(key="save_ledger").click().run()
    assert saved(library)["shared/greeting@2.py"] == SECOND
    assert "shared/greeting@1.py" not in saved(library)

    page = opened(open_page)
    page.button(key="shared_out_ledger_greeting@2").click().run()
    page.button(key="save_ledger").click().run()
    assert saved(library) == before


def test_a_name_written_in_the_settings_brings_its_file(open_page: Opener, library: Database) -> None:
    page = opened(open_page, "Settings")
    text = area(page).value
    area(page).set_value(text + "shared_tools: [greeting@1]\n").run()
    assert "domain.yaml, shared/greeting@1.py" in captions(page)
    area(page).set_value(text + "shared_tools: [\n").run()
    assert "domain.yaml, shared/greeting@1.py" in captions(page), "not while it is unreadable"
    area(page).set_value(text + "shared_tools: [greeting@4]\n").run()
    page.button(key="save_ledger").click().run()
    told = "\n".join(one.value for one in page.error)
    assert "line 9" in told
    assert "neither the pack nor the library holds greeting@4" in told.replace("\\", "")
    area(page).set_value(text).run()
    assert "Everything is saved" in captions(page)


def test_another_text_of_the_same_version_is_told(open_page: Opener, library: Database) -> None:
    files = saved(library)
    head = files["domain.yaml"] + b"shared_tools: [greeting@1]\n"
    domains.save_domain(library, {**files, "domain.yaml": head, "shared/greeting@1.py": SECOND}, based_on=1)
    page = opened(open_page)
    assert any("differs" in one.value for one in page.markdown)
    assert saved(library)["shared/greeting@1.py"] == SECOND


def test_a_file_is_shared_under_a_name_as_its_next_version(open_page: Opener, library: Database) -> None:
    page = opened(open_page)
    page.button(key="share_ledger_tools/accounts.py").click().run()
    assert page.text_input(key="share_name").value == "accounts"
    page.button(key="share_go").click().run()
    told = "\n".join(one.value for one in page.error)
    assert "imports _store" in told.replace("\\", ""), "what only this pack has is refused with its line"
    files = {**saved(library), "tools/plain.py": TOOL}
    domains.save_domain(library, files, based_on=1)
    page = opened(open_page)
    page.button(key="share_ledger_tools/plain.py").click().run()
    page.text_input(key="share_name").set_value("Wrong name").run()
    page.button(key="share_go").click().run()
    assert "is no name of a shared tool" in page.error[0].value
    page.text_input(key="share_name").set_value("greeting").run()
    assert "greeting@2" in captions(page)
    share(library, "greeting", SECOND, based_on=1)
    page.button(key="share_go").click().run()
    assert "changed by someone else" in page.error[0].value
    page.button(key="share_go").click().run()
    assert not page.error
    assert [row.id for row in list_shared(library)] == ["greeting@3", "greeting@2", "greeting@1"]
    assert finder(library)("greeting@3") == TOOL


def test_a_version_of_ones_own_is_deleted_after_a_question(open_page: Opener, library: Database) -> None:
    page = opened(open_page)
    page.button(key="shared_delete_ledger_greeting@1").click().run()
    assert [row.id for row in list_shared(library)] == ["greeting@1"], "asked first"
    page.button(key="shared_delete_ledger_greeting@1_yes").click().run()
    assert not page.exception
    assert [one.value.replace("\\", "") for one in page.toast] == ["greeting@1 deleted from the library"]
    assert list_shared(library) == []
