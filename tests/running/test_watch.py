"""What the reader is told of a teacher's endpoint."""

from __future__ import annotations

from engine.running.watch import TeacherWatch
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
