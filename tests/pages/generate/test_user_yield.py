"""The page of a batch shows what its simulated user cost."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from engine.types import ModelCall
from storage.database import Database
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

Open = Callable[..., AppTest]


def test_yield_and_violations_by_kind(open_page: Open, ready: Database) -> None:
    refused = ModelCall(role="user", model="m", not_taken="invented_value")
    lost = {"status": "rejected", "stage": "rolled_out", "culprit": "user", "reason": "invented_value"}
    rows = [
        refund_trajectory(0),
        refund_trajectory(1, calls=(refused,)),
        refund_trajectory(2, calls=(refused,) * 3, **lost),
        refund_trajectory(3),
    ]
    number = insert_imported(ready, "spoiled", rows)
    page = open_page("batch", id=str(number))
    assert not page.exception
    shown = {metric.label: metric.value for metric in page.metric}
    assert (shown["User yield"], shown["Spoiled"], shown["Run again"]) == ("75%", "1", "0")
    assert "Invented value: 4 messages not taken" in [text.value for text in page.markdown]


def test_nothing_where_the_user_did_nothing_wrong(open_page: Open, ready: Database) -> None:
    number = insert_imported(ready, "clean", [refund_trajectory(0)])
    page = open_page("batch", id=str(number))
    assert "User yield" not in {metric.label for metric in page.metric}
