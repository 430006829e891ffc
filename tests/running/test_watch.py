"""What the reader is told of a teacher's endpoint."""

from __future__ import annotations

from engine.running.watch import ReplyWatch, TeacherWatch
from engine.types import ModelCall
from tests.samples.trajectories import proven_trajectory


def test_calls_in_the_text_and_repaired_calls_are_told_apart() -> None:
    watch = TeacherWatch()
    call = ModelCall(role="teacher", model="m", text_calls=2)
    for one in (call, call.model_copy(update={"text_calls": 0, "repaired_calls": 1})):
        watch.see(proven_trajectory().model_copy(update={"calls": (one,)}))
    assert "2 calls of the teacher came as text" in watch.notice()
    assert "1 calls of the teacher held broken JSON, which was repaired." in watch.notice()
    assert TeacherWatch().notice() == ""


def test_replies_that_were_not_taken_are_counted_by_endpoint() -> None:
    watch = ReplyWatch()
    right = ModelCall(role="teacher", model="m")
    leaked, cut = (right.model_copy(update={"not_taken": name}) for name in ("leaked_thinking", "cut_off"))
    user = ModelCall(role="user", model="u", not_taken="refused")
    watch.see(proven_trajectory().model_copy(update={"calls": (right, leaked, cut, user)}))
    watch.see(proven_trajectory().model_copy(update={"calls": (right, leaked)}))
    watch.see(proven_trajectory().model_copy(update={"calls": (right.model_copy(update={"failed": "server"}),)}))
    assert "3 of 5 replies of the teacher m were not taken: leaked thinking 2, cut off 1." in watch.notice()
    assert "1 of 1 replies of the user u were not taken: refused 1." in watch.notice()
    assert ReplyWatch().notice() == ""
