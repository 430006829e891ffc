"""Requests of pages to the engine: answered once, and asked again where an engine died."""

from __future__ import annotations

from sqlalchemy import text

from engine import times
from engine.liveness import holder_name
from engine.types import Pulse
from storage.database import Database
from storage.serving import engines, requests
from tests.engines import ended_holder


def test_a_request_is_answered_once(db: Database) -> None:
    first = requests.submit(db, "prove", {"domain": "x", "n": 1})
    second = requests.submit(db, "try_tool", {})
    taken = [requests.claim_request(db, "one", 100.0), requests.claim_request(db, "two", 100.0)]
    assert [t and t.id for t in taken] == [first, second]
    assert requests.claim_request(db, "three", 100.0) is None
    requests.finish_request(db, first, {"ok": [1, None, "ü"]})
    requests.finish_request(db, second, error="No \x00 way.")
    found = [requests.get_request(db, n) for n in (first, second)]
    assert [(f.status, f.result, f.error) for f in found if f] == [
        ("done", {"ok": [1, None, "ü"]}, None),
        ("failed", None, "No   way."),
    ]


def test_a_request_whose_engine_died_waits_again(db: Database) -> None:
    number = requests.submit(db, "prove", {})
    requests.claim_request(db, "one", 100.0)
    assert requests.claim_request(db, "two", 100.0 + times.UNANSWERED - 1) is None
    again = requests.claim_request(db, "two", 100.0 + times.UNANSWERED + 1)
    assert again is not None
    assert again.id == number


def test_a_request_of_a_silent_engine_waits_again(db: Database) -> None:
    number = requests.submit(db, "prove", {})
    engines.beat(db, Pulse("one", 11, 100.0, "local", False, ""))
    requests.claim_request(db, "one", 101.0)
    assert requests.claim_request(db, "two", 100.0 + times.STALE) is None
    again = requests.claim_request(db, "two", 100.1 + times.STALE)
    assert again is not None
    assert again.id == number


def test_a_request_of_an_ended_process_waits_again_at_once(db: Database) -> None:
    number = requests.submit(db, "prove", {})
    requests.claim_request(db, ended_holder(), 100.0)
    again = requests.claim_request(db, holder_name(), 100.1)
    assert again is not None
    assert again.id == number
    assert requests.claim_request(db, "three", 100.2) is None


def test_old_answers_are_pruned(db: Database) -> None:
    old = requests.submit(db, "prove", {})
    requests.finish_request(db, old, {})
    with db.write() as session:
        session.execute(text("UPDATE request SET created_at = 1"))
    requests.submit(db, "prove", {})
    assert requests.get_request(db, old) is None
