"""Judging again in the studio: from a batch or a list to a batch of its own, whose scores count and are taken back."""

from __future__ import annotations

import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from engine.types import Judgement, TrajectoryFilter
from storage.database import Database
from storage.generating import batches, judgings
from storage.generating.endpoints import save_endpoint
from storage.reviewing import trajectories
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import queue_batch

Open = Callable[..., AppTest]
KEPT = Judgement(status="kept", outcome="success", reward=1.0)


def rolled_out(db: Database) -> int:
    """Return a batch that is done: one kept, one unmeasured."""
    number = queue_batch(db, 2)
    store = SqlStore(db)
    assert store.claim("me", time.time(), 60)
    silent = {"status": "unmeasured", "stage": "judged", "reason": "judge_no_answer", "outcome": "unmeasured"}
    store.save(number, [refund_trajectory(0), refund_trajectory(1, reward=None, **silent)])
    store.release(number, "me", "done", "1 trajectory could not be measured.")
    return number


def judged(db: Database, source: int) -> int:
    """Return a batch that judged the unmeasured one of another batch again, and is done."""
    chosen = TrajectoryFilter(batches=(source,), statuses=("unmeasured",))
    number = judgings.create_judging(db, batch_of("ledger", name="Mended", rejudge=chosen))
    store = SqlStore(db)
    assert store.claim("me", time.time(), 60)
    store.save_judgements(number, dict.fromkeys(store.waiting_judgements(number), KEPT))
    store.release(number, "me", "done", "")
    return number


def test_a_batch_shows_what_is_unmeasured_and_has_it_judged_again(open_page: Open, ready: Database) -> None:
    number = rolled_out(ready)
    save_endpoint(ready, "mended", scripted({"text": "yes"}), based_on=None)
    page = open_page("batch", id=str(number))
    assert {one.label: one.value for one in page.metric}["Unmeasured"] == "1"
    button = page.button(key=f"again_{number}")
    assert button.label == "Judge again (1 unmeasured)"
    button.click().run()
    assert not page.exception
    assert page.checkbox(key="again_only").value is True
    assert page.multiselect(key="again_judges").value == ["rubric"]
    assert page.multiselect(key="again_models").value == ["mended"]
    page.button(key="again_start").click().run()
    assert not page.exception
    row = batches.get_batch(ready, number + 1)
    assert (row.rejudges, row.status, row.progress.waiting) == (True, "queued", 1)
    assert row.batch.models["judge"].model == "scripted"
    assert row.batch.rejudge == TrajectoryFilter(batches=(number,), statuses=("unmeasured",))


def test_scores_count_with_one_press_and_are_taken_back_with_another(open_page: Open, ready: Database) -> None:
    source = rolled_out(ready)
    number = judged(ready, source)
    page = open_page("batch", id=str(number))
    assert not page.exception
    assert any("Unmeasured → Kept: 1" in caption.value for caption in page.caption)
    page.button(key=f"use_{number}").click().run()
    assert not page.exception
    assert batches.get_batch(ready, source).progress.kept == 2
    assert "trajectory has these scores now" in page.toast[0].value
    (flip,) = judgings.flips(ready, number)
    review = open_page("trajectory", id=str(flip.trajectory))
    assert not review.exception
    assert any("counts now" in one.label for one in review.expander)
    page.button(key=f"undo_{number}").click().run()
    assert not page.exception
    assert batches.get_batch(ready, source).progress.unmeasured == 1


def test_judges_keep_the_options_that_they_had_in_the_batch(open_page: Open, ready: Database) -> None:
    partial = {"state": {"passes_from": 0.5}}
    number = queue_batch(ready, 1, judges=[partial, "facts"], allow_unisolated_commands=True)
    store = SqlStore(ready)
    assert store.claim("me", time.time(), 60)
    store.save(number, [refund_trajectory(0)])
    store.release(number, "me", "done", "")
    page = open_page("batch", id=str(number))
    page.button(key=f"again_{number}").click().run()
    page.multiselect(key="again_judges").set_value(["state", "facts"]).run()
    page.button(key="again_start").click().run()
    again = batches.get_batch(ready, number + 1).batch
    assert [one.model_dump(mode="json") for one in again.judges] == [partial, "facts"]
    assert again.allow_unisolated_commands, "as in that batch"


def test_a_filtered_list_is_judged_again(open_page: Open, ready: Database) -> None:
    number = rolled_out(ready)
    page = open_page("queue")
    page.button(key="queue_again").click().run()
    assert not page.exception
    page.multiselect(key="again_judges").set_value(["state", "facts"]).run()
    page.button(key="again_start").click().run()
    assert not page.exception
    row = batches.get_batch(ready, number + 1)
    assert [choice.name for choice in row.batch.judges] == ["state", "facts"]
    assert row.progress.planned == trajectories.count(ready, TrajectoryFilter(statuses=("kept", "unmeasured")))
