"""The part of the exports page that makes runnable environments, without a browser and without an engine."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from engine.types import Domain
from storage.database import Database
from storage.generating import batches
from storage.serving import requests
from tests.samples.batches import batch_of

Open = Callable[..., AppTest]


def opened(open_page: Open) -> AppTest:
    page = open_page("exports")
    page.session_state["environments"] = True
    return page.run()


def test_a_package_is_asked_for_and_offered_once_it_held(open_page: Open, ready: Database) -> None:
    page = opened(open_page)
    page.selectbox(key="environment_for").select("openenv")
    page.number_input(key="environment_tasks").set_value(4)
    page.button(key="make_environment").click().run()
    row = requests.claim_request(ready, "tests", time.time())
    assert row is not None
    assert (row.kind, row.payload) == (
        "make_environment",
        {"framework": "openenv", "batch": None, "domain": "ledger", "tasks": 4, "seed": 0},
    )
    assert not page.get("link_button")
    requests.finish_request(ready, row.id, {"path": "a/b.zip", "size": 2048, "lines": ["4 proven tasks"]}, None)
    page.run()
    assert "4 proven tasks" in [one.value for one in page.caption]
    (link,) = page.get("link_button")
    assert link.proto.url.startswith(f"/api/environments/{row.id}?token=")


def test_a_package_that_did_not_hold_is_not_offered(open_page: Open, ready: Database, ledger: Domain) -> None:
    number = batches.create_batch(ready, batch_of(ledger))
    page = opened(open_page)
    page.selectbox(key="environment_source").select("Of a batch").run()
    page.button(key="make_environment").click().run()
    row = requests.claim_request(ready, "tests", time.time())
    assert row is not None
    assert (row.payload["batch"], row.payload["domain"]) == (number, "ledger")
    requests.finish_request(ready, row.id, None, "package: does not hold: the reference earns 0.5.")
    page.run()
    assert not page.get("link_button")
    assert any("does not hold" in one.value for one in page.error)
