"""The studio asks once before tools of an imported pack run without isolation."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from engine.types import Pulse
from storage.database import Database
from storage.designing import domains
from storage.designing.outside_packs import unallowed
from storage.generating import batches
from storage.serving import engines
from tests.samples.packs import ledger_files

Open = Callable[..., AppTest]


def engine(database: Database, isolated: bool) -> None:
    engines.beat(database, Pulse("here:1", 1, time.time(), "docker" if isolated else "local", isolated, ""))


@pytest.fixture
def outside(ready: Database) -> str:
    domains.save_domain(ready, ledger_files(b"Theirs."), based_on=1, imported=True)
    return domains.get_domain(ready, "ledger").digest


def questions(page: AppTest) -> list[str]:
    return [one.value for one in page.warning if "was imported" in one.value]


def test_a_domains_page_asks_where_the_sandbox_does_not_isolate(ready: Database, outside: str, open_page: Open) -> None:
    engine(ready, isolated=True)
    assert questions(open_page("domain", id="ledger")) == []
    engine(ready, isolated=False)
    page = open_page("domain", id="ledger")
    assert "the sandbox local does not isolate" in questions(page)[0]
    page.button(key=f"allow_page_{outside}").click().run()
    assert not page.exception
    assert questions(page) == []
    assert unallowed(ready, [outside]) == frozenset()


def test_a_batch_is_launched_after_the_yes(ready: Database, outside: str, open_page: Open) -> None:
    engine(ready, isolated=True)
    page = open_page("new-batch")
    page.multiselect(key="batch_domains").set_value(["ledger"]).run()
    assert not page.button(key="launch").disabled, "the engine's sandbox isolates"
    page.selectbox(key="batch_sandbox").set_value("local").run()
    assert len(questions(page)) == 1
    assert page.button(key="launch").disabled
    assert page.button(key="try_first").disabled
    page.button(key=f"allow_form_{outside}").click().run()
    assert questions(page) == []
    page.button(key="launch").click().run()
    assert not page.exception
    assert [row.batch.sandbox for row in batches.list_batches(ready)] == ["local"]
