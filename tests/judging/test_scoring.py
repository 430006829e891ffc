"""Scores of a rollout: which culprit a failure gets, and what counts as measured."""

from __future__ import annotations

from typing import Any

import pytest

from engine.judging.keep import decide
from engine.judging.scoring import reward, with_scores
from engine.protocols import Judge
from engine.types import ModelCall, Score, ToolCall, ToolFault, Trajectory, Turn
from tests.judges.test_rubric import judge
from tests.samples.batches import batch_of
from tests.samples.scores import score_of
from tests.samples.tasks import balance_proof, balance_task
from tests.samples.tools import GET_BALANCE
from tests.samples.trajectories import balance_trajectory
from tests.samples.turns import talk


class Says(Judge):
    """A judge without a model that gives the scores it was made with."""

    def __init__(self, *scores: Score, decides: bool = False) -> None:
        self.scores = scores
        self.decides = decides  # type: ignore[misc]

    async def score(self, trajectory: Trajectory) -> tuple[Score, ...]:
        return self.scores


def called(*faults: ToolFault | None, source: str = "python") -> Trajectory:
    call = ToolCall(id="c", name=GET_BALANCE.name)
    turns = [Turn(role="assistant", tool_calls=(call,) * len(faults))]
    turns += [Turn(role="tool", name=GET_BALANCE.name, tool_call_id="c", fault=fault) for fault in faults]
    tools = (GET_BALANCE.model_copy(update={"source": source}),)
    return balance_trajectory(tuple(turns)).model_copy(update={"tools": tools, "user": "reference"})


@pytest.mark.parametrize(
    ("faults", "source", "culprit"),
    [
        (("tool_crash",), "python", "tool"),
        (("timeout", None), "python", "agent"),
        ((None, "limit"), "python", "tool"),
        (("tool_error",), "python", "agent"),
        (("timeout",), "shell", "agent"),
    ],
)
async def test_a_tool_is_at_fault_only_when_it_stays_broken(faults: Any, source: str, culprit: str) -> None:
    found = await with_scores(called(*faults, source=source), {"new": Says(score_of("new", 0.0))})
    assert (found.outcome, found.culprit) == ("failure", culprit)


@pytest.mark.parametrize("method", ["state", "model", "fact", "rule"])
@pytest.mark.parametrize(("decides", "outcome"), [(True, "success"), (False, "unmeasured")])
async def test_only_a_judge_that_decides_calls_a_success(method: str, decides: bool, outcome: str) -> None:
    found = await with_scores(called(None), {"new": Says(score_of("new", 1.0, method), decides=decides)})
    assert found.outcome == outcome


@pytest.mark.parametrize("decides", [True, False])
async def test_every_judge_can_call_a_failure(decides: bool) -> None:
    assert (await with_scores(called(None), {"new": Says(score_of("new", 0.0), decides=decides)})).outcome == "failure"


HELD_BACK = balance_task(mode="missing_parameter", ask="Which account?", hidden="It is A-100.")
FIRST = ("What do I have?", "Which account?")


@pytest.mark.parametrize(
    ("texts", "begun", "culprit"),
    [
        ((*FIRST, "I do not know.", "Then I cannot say.", "The first?", "5."), (1, 5), "user"),
        ((*FIRST, "And the first?", "5."), (1, 3), "user"),
        ((*FIRST, "It is A-100.", "6.", "The first?", "5."), (1, 5), "agent"),
        (("What do I have?", "Nothing.", "The first?", "Which one?"), (1, 3), "agent"),
        (("What do I have?", "Nothing."), (1,), "user"),
        ((*FIRST, "It is A-100.", "6."), (1,), "user"),
        ((*FIRST, "It is A-100.", "6.", "That is wrong.", "7."), (1,), "agent"),
        (
            ("What do I have?", "What is your shoe size?", "I do not know.", "Sorry.", "The first?", "5."),
            (1, 5),
            "agent",
        ),
    ],
)
async def test_a_user_who_does_not_tell_or_ask_is_at_fault(texts: Any, begun: Any, culprit: str) -> None:
    talked = balance_trajectory((Turn(role="system"), *talk(*texts)), begun=begun, task=HELD_BACK)
    found = await with_scores(talked, {"new": Says(score_of("new", 0.0))})
    assert found.culprit == culprit


@pytest.mark.parametrize("end", ["user_left", "out_of_patience"])
@pytest.mark.parametrize(("facts", "culprit"), [(1.0, "user"), (0.5, "agent"), (None, "agent")])
async def test_a_user_who_leaves_though_it_was_served_is_at_fault(end: Any, facts: float | None, culprit: str) -> None:
    talked = balance_trajectory(
        (Turn(role="system"), *talk("What do I have?", "5.", "And the first?", "5.")), begun=(1, 3)
    )
    stating, again = balance_proof().turns
    proof = balance_proof().model_copy(update={"turns": (stating.model_copy(update={"facts": (("5",),)}), again)})
    judges = {
        "rules": Says(score_of("rules", 0.0).model_copy(update={"name": "finished"})),
        "facts": Says(score_of("facts", facts, "fact")),
        "state": Says(score_of("state", 1.0, "state")),
    }
    found = await with_scores(talked.model_copy(update={"end": end, "proof": proof}), judges)
    assert (found.outcome, found.culprit) == ("failure", culprit)


@pytest.mark.parametrize(("reply", "culprit"), [("I do not know.", "user"), ("It is A-100.", "agent")])
async def test_who_is_to_blame_for_one_question_too_many(reply: str, culprit: str) -> None:
    """The agent, though requests are left; the user where it never told what it was asked for."""
    texts = (*FIRST, reply, "Which account?", reply, "Which account?")
    talked = balance_trajectory((Turn(role="system"), *talk(*texts)), begun=(1,), task=HELD_BACK)
    talked = talked.model_copy(update={"end": "clarifications_used_up"})
    found = await with_scores(talked, {"new": Says(score_of("new", 0.0))})
    assert found.culprit == culprit


def test_what_was_not_measured_does_not_count_as_zero() -> None:
    assert reward([score_of("a", 1.0), score_of("b", None), score_of("c", 0.5)]) == 0.75
    assert reward([score_of("new", None)]) is None


class Asks(Judge):
    """A judge that would ask a model, and counts how often it was asked. It does not say what it measures."""

    asks = "judge"
    decides = True

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []
        self.asked = 0

    async def score(self, trajectory: Trajectory) -> tuple[Score, ...]:
        self.asked += 1
        return (score_of("taste", 1.0, "model"),)


async def test_a_model_is_not_asked_about_what_another_judge_failed_and_that_is_told() -> None:
    asking = Asks()
    judges: dict[str, Any] = {
        "taste": asking, "rubric": judge({"error": "auth"}), "state": Says(score_of("state", 0.0, "state")),
        "rules": Says(score_of("rules", 0.0), score_of("rules", 0.0)),
    }  # fmt: skip
    found = await with_scores(called(None), judges)
    unasked = {entry.name: entry for entry in found.scores if entry.method == "model"}
    assert set(unasked) == {"taste", "rubric", "rubric.goal_met", "rubric.clear"}
    assert {(entry.value, entry.passed) for entry in unasked.values()} == {(None, None)}
    assert {entry.reason for entry in unasked.values()} == {"Not asked: state and rules failed."}
    assert (asking.asked, found.calls, found.reward, found.outcome) == (0, (), 0.0, "failure")
    lost = decide(found, batch_of("ledger", judges=("state", "rules", "rubric")))
    assert (lost.status, lost.stage) == ("rejected", "rules")
    passed = await with_scores(called(None), {"taste": asking, "state": Says(score_of("state", 1.0, "state"))})
    assert (asking.asked, passed.outcome) == (1, "success")
