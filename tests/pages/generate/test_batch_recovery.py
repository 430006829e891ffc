"""What the page of a batch offers after a fault, and what pressing it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.types import Trajectory
from storage.database import Database
from storage.generating import batches
from storage.serving.store import SqlStore
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import queue_batch

Open = Callable[..., AppTest]


def fault(index: int) -> Trajectory:
    more = {"status": "failed", "stage": "rolled_out", "reason": "model_connection", "culprit": "infrastructure"}
    return refund_trajectory(index, **more)


def ended(db: Database, status: str, *made: Trajectory, sandbox: str = "", **changes: Any) -> int:
    """Return a batch of six that an engine gave back in this status."""
    number = queue_batch(db, **{"trajectories": 6} | changes)
    store = SqlStore(db)
    assert store.claim("me", time.time(), 60)
    if sandbox:
        store.pin(number, "me", sandbox)
    store.save(number, made)
    store.release(number, "me", status, "Stopped for the test.")
    return number


def keys(page: AppTest) -> set[str]:
    assert not page.exception
    return {str(button.key).rpartition("_")[0] for button in page.button}


@pytest.mark.parametrize("status", ["paused", "done", "failed"])
def test_failed_rollouts_are_tried_again_with_one_press(open_page: Open, ready: Database, status: str) -> None:
    number = ended(ready, status, refund_trajectory(0), fault(1), fault(2))
    page = open_page("batch", id=str(number))
    button = page.button(key=f"retry_{number}")
    assert button.label == "Retry the failed ones (2)"
    button.click().run()
    assert not page.exception
    assert page.toast[0].value == "2 failed rollouts will be tried again"
    row = batches.get_batch(ready, number)
    assert (row.status, row.progress.failed, row.progress.waiting) == ("queued", 0, 5)
    assert "retry" not in keys(page)


def test_nothing_is_offered_where_nothing_failed(open_page: Open, ready: Database) -> None:
    number = ended(
        ready, "done", refund_trajectory(0), refund_trajectory(1, status="rejected", stage="judged", reason="facts")
    )
    assert "retry" not in keys(open_page("batch", id=str(number)))
    cancelled = ended(ready, "cancelled", fault(1))
    assert "retry" not in keys(open_page("batch", id=str(cancelled)))


def test_a_failed_batch_is_resumed(open_page: Open, ready: Database) -> None:
    number = ended(ready, "failed", refund_trajectory(0))
    page = open_page("batch", id=str(number))
    page.button(key=f"resume_{number}").click().run()
    assert not page.exception
    assert batches.get_batch(ready, number).status == "queued"


def test_a_question_comes_before_another_sandbox(open_page: Open, ready: Database) -> None:
    number = ended(ready, "paused", refund_trajectory(0), sandbox="docker")
    page = open_page("batch", id=str(number))
    assert any("sandbox docker: docker containers, isolated" in caption.value for caption in page.caption)
    page.button(key=f"sandbox_{number}").click().run()
    assert batches.get_batch(ready, number).sandbox == "docker"
    said = " ".join(text.value for text in page.markdown)
    assert "began in the docker sandbox" in said
    assert "5 of 6 are still to come" in said
    assert "**local**: this machine, without isolation." in said
    assert {"resume_in", "keep"} <= keys(page)
    assert batches.get_batch(ready, number).status == "paused"


@pytest.mark.parametrize(("status", "sandbox"), [("paused", ""), ("done", "local")])
def test_no_other_sandbox_is_offered_before_one_was_taken_or_after_the_end(
    open_page: Open, ready: Database, status: str, sandbox: str
) -> None:
    number = ended(ready, status, *(refund_trajectory(n) for n in range(6)), sandbox=sandbox)
    assert "sandbox" not in keys(open_page("batch", id=str(number)))
