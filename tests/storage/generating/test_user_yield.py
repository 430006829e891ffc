"""What the simulated user of a batch cost."""

from __future__ import annotations

from cli.foreground import user_lines
from engine.types import EARLIER_RUNS, Attachment, ModelCall, Trajectory
from storage.database import Database
from storage.generating.user_yield import UserYield, Violation, user_yield
from storage.serving.store import SqlStore
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import queue_batch


def one(index: int, *refused: str, runs: int = 0, **changes: object) -> Trajectory:
    """Return a trajectory whose user wrote a message, and such ones that were not taken; `runs` were spoiled before."""
    calls = tuple(ModelCall(role="user", model="m", not_taken=reason) for reason in ("", *refused))
    teacher = ModelCall(role="teacher", model="m", not_taken="leftovers")
    earlier = [Attachment(turn=0, kind=EARLIER_RUNS, value=[{"seed": 1}] * runs)] if runs else []
    more = {"calls": (*calls, teacher), "attachments": tuple(earlier)}
    return refund_trajectory(index).model_copy(update=more | changes)


def test_messages_losses_and_runs_are_counted(db: Database) -> None:
    number = queue_batch(db, trajectories=5)
    lost = {"status": "rejected", "stage": "rolled_out", "culprit": "user"}
    rows = [
        one(0),
        one(1, "invented_value"),
        one(2, *["invented_value"] * 3, runs=2, reason="invented_value", **lost),
        one(3, "ended_early", runs=1),
        one(4, "ended_early", "ended_early", "made_no_request", reason="made_no_request", **lost),
    ]
    SqlStore(db).save(number, rows)
    found = user_yield(db, number)
    kinds = (Violation("invented_value", 4, 1), Violation("ended_early", 3, 0), Violation("made_no_request", 1, 1))
    assert found == UserYield(dialogues=5, lost=2, again=3, violations=kinds)
    assert found.share == 0.6
    assert user_lines(found) == [
        "simulated user: 3 of 5 dialogues usable, 3 runs made again",
        "  invented_value: 4 messages not taken, 1 lost",
        "  ended_early: 3 messages not taken, 0 lost",
        "  made_no_request: 1 messages not taken, 1 lost",
    ]


def test_a_batch_without_faults_has_none(db: Database) -> None:
    number = queue_batch(db, trajectories=1)
    assert user_yield(db, number).share is None
    SqlStore(db).save(number, [refund_trajectory(0)])
    found = user_yield(db, number)
    assert (found.share, found.violations) == (1.0, ())
    assert user_lines(found) == []
