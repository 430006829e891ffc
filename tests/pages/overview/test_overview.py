"""The overview page of an empty, a filled and a broken project, and the path of the first use."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from engine import settings
from engine.planning.players import roles_asked
from engine.types import ExportOutcome, ModelCall, Pulse, Recipe, Review
from pages.overview.parts.first_path import first_batch, steps
from pages.review.parts.reviewer import REVIEWER
from storage.analysing.analytics import overview
from storage.database import Database
from storage.designing.domains import seed_catalog
from storage.designing.personas import seed_personas
from storage.exporting.exports import create_export, finish_export
from storage.first_path import note_seen
from storage.generating.batches import create_batch, list_batches
from storage.reviewing.reviews import save_review
from storage.serving.engines import beat
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.trajectories import never_started, refund_trajectory
from tests.samples.turns import HOSTILE
from tests.storage.stored_samples import insert_imported

Opener = Callable[..., AppTest]


@pytest.fixture
def shipped(database: Database) -> Database:
    seed_catalog(database, settings.CATALOG)
    seed_personas(database, settings.PERSONAS)
    return database


@pytest.fixture
def filled(database: Database) -> Database:
    insert_imported(database, "many", [*[refund_trajectory(n) for n in range(12)], never_started(20)])
    return database


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def states(database: Database) -> dict[str, bool]:
    return {step.name: step.done for step in steps(database, overview(database))}


def stop_batch(database: Database, status: str, reason: str) -> int:
    """Queue a batch over the first shipped domain and let an engine give it back."""
    number = create_batch(database, batch_of("retail", name="stopped"))
    store = SqlStore(database)
    claim = store.claim("engine", time.time(), 15.0)
    assert claim is not None
    assert claim.batch_id == number
    store.release(number, "engine", status, reason)
    return number


def test_an_empty_project_shows_the_path_and_what_is_missing(open_page: Opener, database: Database) -> None:
    page = open_page("overview")
    assert metrics(page)["Trajectories"] == "0"
    assert any("0 of 6 done" in text.value for text in page.caption)
    assert "No engine is answering" in page.error[0].value
    page.button(key="first_batch").click().run()
    assert any("none of the shipped domains" in text.value for text in page.error)
    assert list_batches(database) == []


def test_one_click_launches_the_first_batch_and_opens_it(open_page: Opener, shipped: Database) -> None:
    page = open_page("overview")
    page.button(key="first_batch").click().run()
    assert not page.exception
    (row,) = list_batches(shipped)
    assert (row.status, row.progress.planned, row.batch.teacher.name) == ("queued", 20, "reference")
    assert roles_asked(row.batch) == []
    assert len(row.batch.domains) == 4
    assert all(share.digest for share in row.batch.domains)
    assert page.title[0].value == "first batch"


def test_the_steps_follow_the_database(shipped: Database) -> None:
    assert states(shipped) == dict.fromkeys(("look", "launch", "watch", "review", "scores", "export"), False)
    insert_imported(shipped, "many", [refund_trajectory(n) for n in range(3)])
    assert [name for name, done in states(shipped).items() if done] == ["launch", "watch"]
    save_review(shipped, Review(trajectory=1, reviewer=REVIEWER, verdict="accept"))
    note_seen(shipped, "look")
    note_seen(shipped, "scores")
    export = create_export(shipped, Recipe())
    assert not states(shipped)["export"], "an export that waits is no file"
    finish_export(shipped, export, ExportOutcome("1/a.zip", 1, "0" * 64, 1, {}))
    assert all(states(shipped).values())


def test_a_batch_is_watched_until_one_is_done(shipped: Database) -> None:
    number = create_batch(shipped, first_batch(shipped))
    store = SqlStore(shipped)
    assert store.claim("engine", time.time(), 15.0) is not None
    store.save(number, [refund_trajectory(0)])
    assert [name for name, done in states(shipped).items() if done] == ["launch"]
    store.release(number, "engine", "done", "")
    assert [name for name, done in states(shipped).items() if done] == ["launch", "watch"]


def test_looking_at_a_domain_and_at_the_scores_is_remembered(open_page: Opener, shipped: Database) -> None:
    insert_imported(shipped, "many", [refund_trajectory(0)])
    open_page("domain", id="nothing")
    assert not states(shipped)["look"], "a domain that is not there was not looked at"
    assert not open_page("domain", id="clinic").exception
    assert states(shipped)["look"]
    open_page("scores")
    assert states(shipped)["scores"]


def test_the_path_can_be_put_away(open_page: Opener, filled: Database) -> None:
    page = open_page("overview")
    page.button(key="first_path_hide").click().run()
    assert not any("of 6 done" in text.value for text in page.caption)
    assert not any("of 6 done" in text.value for text in open_page("overview").caption)
    page.button(key="first_path_show").click().run()
    assert any("of 6 done" in text.value for text in open_page("overview").caption)


def test_numbers_of_a_filled_project(open_page: Opener, filled: Database) -> None:
    save_review(filled, Review(trajectory=3, reviewer=REVIEWER, verdict="reject"))
    save_review(filled, Review(trajectory=13, reviewer=REVIEWER, verdict="accept"))
    shown = metrics(open_page("overview"))
    assert {name: shown[name] for name in ("Batches", "Trajectories", "Kept", "To review")} == {
        "Batches": "1", "Trajectories": "13", "Kept": "12", "To review": "11",
    }  # fmt: skip


def test_next_to_review_opens_the_newest_without_a_verdict(open_page: Opener, filled: Database) -> None:
    save_review(filled, Review(trajectory=12, reviewer=REVIEWER, verdict="accept"))
    page = open_page("overview")
    page.button(key="next_to_review").click().run()
    assert not page.exception
    assert page.title[0].value == "Trajectory 11"


@pytest.mark.parametrize(("price", "shown"), [(None, "–"), (0.5, "$1.00")])
def test_an_unknown_cost_is_a_dash(open_page: Opener, database: Database, price: float | None, shown: str) -> None:
    call = ModelCall(role="teacher", model="m", prompt_tokens=5, completion_tokens=1, cost_usd=price)
    insert_imported(database, "priced", [refund_trajectory(n, teacher="llm", calls=(call,)) for n in range(2)])
    assert metrics(open_page("overview"))["Cost"] == shown


def test_a_sandbox_that_does_not_isolate_is_pointed_at(open_page: Opener, database: Database) -> None:
    beat(database, Pulse("host:1", 1, time.time(), "local", False))
    page = open_page("overview")
    assert not page.error
    assert "does not isolate" in page.warning[0].value
    beat(database, Pulse("host:1", 1, time.time(), "docker", True))
    assert not open_page("overview").warning


def test_failed_and_paused_batches_say_why(open_page: Opener, shipped: Database) -> None:
    beat(shipped, Pulse("host:1", 1, time.time(), "docker", True))
    stop_batch(shipped, "failed", f"401: the key in OPENAI_API_KEY was refused. {HOSTILE}")
    stop_batch(shipped, "paused", "The budget of 5 dollars is used up.")
    page = open_page("overview")
    assert "OPENAI\\_API\\_KEY was refused" in page.error[0].value
    assert "![" not in page.error[0].value
    assert "is used up" in page.warning[0].value


def test_running_batches_are_listed_with_their_progress(open_page: Opener, shipped: Database) -> None:
    insert_imported(shipped, "old", [refund_trajectory(0)])
    number = create_batch(shipped, first_batch(shipped))
    store = SqlStore(shipped)
    assert store.claim("engine", time.time(), 15.0) is not None
    store.save(number, [refund_trajectory(n) for n in range(5)])
    page = open_page("overview")
    (table,) = page.dataframe
    assert table.value["name"].tolist() == ["first batch"]
    assert (table.value["done"].iloc[0], table.value["counts"].iloc[0]) == (0.25, "5 of 20")
    assert any(text.value == "Running now" for text in page.header)
