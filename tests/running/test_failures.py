"""How many failed rollouts in a row pause a batch, and what ends such a row."""

from __future__ import annotations

from engine.running.failures import Breaker, JudgeWatch
from engine.types import ModelCall, Trajectory
from tests.samples.trajectories import lost_trajectory, order_trajectory

FAILED = lost_trajectory(1, "rolled_out", "model_server", "failed", culprit="infrastructure", detail="It said 500")
DUPLICATE = lost_trajectory(2, "proven", "duplicate", turns=())


def said(breaker: Breaker, *arrived: Trajectory) -> list[bool]:
    return [bool(breaker.see(trajectory)) for trajectory in arrived]


def test_a_row_of_failed_rollouts_pauses_with_the_last_fault() -> None:
    breaker = Breaker(3)
    assert said(breaker, FAILED, FAILED) == [False, False]
    reason = breaker.see(FAILED)
    assert reason.startswith("3 rollouts in a row failed, the last one with model server: It said 500. Mend that")


def test_a_row_of_unmeasured_trajectories_is_ended_by_what_a_judge_measured() -> None:
    silent = lost_trajectory(1, "judged", "judge_no_answer", "unmeasured", detail="It said 503", scores=())
    before_it = lost_trajectory(2, "rules", "gave_up", scores=())
    watch = JudgeWatch(2)
    given = [silent, order_trajectory(3), silent, before_it, FAILED]
    assert [watch.see(one) for one in given] == [""] * 5
    assert watch.see(silent).startswith(
        "2 trajectories in a row could not be measured, the last one by judge no answer:"
    )
    assert watch.notice().startswith("3 trajectories could not be measured")
    never = JudgeWatch(0)
    assert [never.see(silent) for _ in range(9)] == [""] * 9
    assert JudgeWatch(0).notice() == ""


def test_a_finished_dialogue_ends_a_row() -> None:
    breaker = Breaker(3)
    assert (
        said(
            breaker,
            FAILED,
            FAILED,
            order_trajectory(3),
            FAILED,
            FAILED,
            lost_trajectory(4, "judged", "facts"),
            FAILED,
            FAILED,
        )
        == [False] * 8
    )


def test_a_task_that_was_turned_down_neither_counts_nor_ends_a_row() -> None:
    breaker = Breaker(3)
    assert said(breaker, DUPLICATE, DUPLICATE, DUPLICATE, FAILED, FAILED, DUPLICATE, FAILED) == [False] * 6 + [True]


def test_a_success_now_and_then_does_not_hide_a_broken_endpoint() -> None:
    calls = (ModelCall(role="teacher", model="good"), ModelCall(role="judge", model="bad", failed="server"))
    broken = FAILED.model_copy(update={"calls": calls})
    breaker, fine = Breaker(), order_trajectory(3)
    told = [breaker.see(one) for _ in range(3) for one in (fine, *[broken] * 7)]
    assert told[:23] == [""] * 23
    assert told[23].startswith("21 of the last 24 rollouts failed because calls of the judge bad failed")
    half = Breaker()
    assert not any(half.see(one) for _ in range(60) for one in (fine, broken))
