"""Which trajectories a batch keeps, the reasons for rejecting others, and the effect of human verdicts."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from engine.exporting.record import record_of
from engine.exporting.reviewed import apply_reviews
from engine.judging.keep import decide
from engine.reviewing.corrections import same_calls
from engine.types import Remark, Review, Score, ToolCall, Trajectory, Turn
from tests.exporting.export_steps import applied
from tests.samples.batches import batch_of
from tests.samples.scores import score_of
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import PARALLEL, assistant_turn, calling_turn, result_turn, user_turn


def score(name: str, passed: bool, source: str | None = None) -> Score:
    return score_of(name, float(passed), source=source or name, reason=f"{name} says so")


def scored(*scores: Score, **changes: Any) -> Trajectory:
    outcome = "failure" if any(s.passed is False for s in scores) else "success"
    return shop_trajectory(0, PARALLEL, scores=scores, **{"outcome": outcome} | changes)


# ---------------------------------------------------------------- decide


def test_a_success_is_kept() -> None:
    found = decide(scored(score("state", True), stage="rules", reason="old"), batch_of("shop"))
    assert (found.status, found.stage, found.reason, found.detail) == ("kept", None, None, "")


@pytest.mark.parametrize(
    ("scores", "stage", "reason"),
    [
        ((score("state", False), score("valid_calls", False, "rules")), "rules", "invalid_calls"),
        ((score("no_repetition", False, "rules"),), "rules", "repetition"),
        ((score("mode", False, "rules"),), "rules", "policy_rule"),
        ((score("facts", False), score("state", False)), "state", "state_mismatch"),
        ((score("facts", False),), "judged", "missing_fact"),
        ((score("rubric", False),), "judged", "low_rubric"),
        ((score("safety", False),), "judged", "low_safety"),
    ],
)
def test_the_first_gate_that_failed_names_the_loss(scores: tuple[Score, ...], stage: str, reason: str) -> None:
    found = decide(scored(*scores), batch_of("shop"))
    assert (found.status, found.stage, found.reason) == ("rejected", stage, reason)
    assert found.detail.endswith("says so")


@pytest.mark.parametrize(("end", "reason"), [("user_left", "gave_up"), ("step_cap", "step_cap"), ("done", "no_answer")])
def test_an_unfinished_dialogue_is_lost_by_its_end(end: str, reason: str) -> None:
    found = decide(scored(score("finished", False, "rules"), end=end), batch_of("shop"))
    assert (found.stage, found.reason) == ("rules", reason)


def test_failures_are_kept_when_they_are_wanted() -> None:
    failed = scored(score("state", False), reward=0.5)
    assert decide(failed, batch_of("shop", keep_failures=True)).status == "kept"
    assert decide(failed, batch_of("shop", keep_failures=True, min_reward=0.6)).reason == "low_reward"


def test_a_low_or_unknown_reward_is_rejected_only_when_a_bound_is_set() -> None:
    found = decide(scored(score("state", True), reward=0.4), batch_of("shop", min_reward=0.5))
    assert (found.status, found.stage, found.reason) == ("rejected", "judged", "low_reward")
    assert "0.4" in found.detail
    unknown = decide(scored(score("state", True), reward=None), batch_of("shop", min_reward=0.5))
    assert (unknown.status, unknown.reason) == ("unmeasured", "unmeasured")
    assert decide(scored(score("state", True), reward=None), batch_of("shop")).status == "kept"


def test_what_no_judge_measured_is_not_passed_off_as_a_success() -> None:
    blind = Score(name="state", value=None, reason="was not recorded", source="state", method="state")
    found = decide(scored(blind, outcome="unmeasured"), batch_of("shop"))
    assert (found.status, found.stage, found.reason) == ("unmeasured", "judged", "unmeasured")
    assert decide(scored(blind, outcome="unmeasured"), batch_of("shop", keep_failures=True)).status == "unmeasured"
    assert "was not recorded" in found.detail
    assert decide(scored(blind, outcome="unmeasured"), batch_of("shop", judges=("rules",))).status == "kept"


@pytest.mark.parametrize("changes", [{}, {"keep_failures": True}, {"min_reward": 0.1}])
def test_what_never_came_to_its_mode_is_not_kept_under_it(changes: dict[str, Any]) -> None:
    unmet = Score(name="mode", value=None, reason="The fault was never met.", source="rules", method="rule")
    found = decide(scored(score("state", True), unmet, reward=1.0), batch_of("shop", **changes))
    assert (found.status, found.stage, found.reason) == ("rejected", "rules", "mode_not_exercised")
    assert (found.detail, found.outcome, found.culprit) == ("The fault was never met.", "success", None)


def test_a_failure_is_told_before_the_mode_that_it_did_not_come_to() -> None:
    unmet = Score(name="mode", value=None, reason="The fault was never met.", source="rules", method="rule")
    failed = scored(score("state", False), unmet)
    assert decide(failed, batch_of("shop")).reason == "state_mismatch"
    assert decide(failed, batch_of("shop", keep_failures=True)).reason == "mode_not_exercised"


def test_a_failed_rollout_stays_failed() -> None:
    failed = scored(status="failed", stage="rolled_out", reason="timeout")
    assert decide(failed, batch_of("shop", keep_failures=True)) is failed


# ---------------------------------------------------------------- reviews


def review(turn: int | None = None, **changes: Any) -> Review:
    return Review(trajectory=1, turn=turn, **changes)


def reviewed(
    *reviews: Review, untrained: Literal["mask", "cut"] = "mask", trajectory: Trajectory | None = None
) -> Trajectory:
    return applied(trajectory or shop_trajectory(0, PARALLEL), reviews, untrained)


def test_without_reviews_nothing_changes() -> None:
    given = record_of(shop_trajectory(0, PARALLEL))
    assert apply_reviews(given, [], "mask") is given


def test_a_human_rejection_holds_back_what_the_judges_kept() -> None:
    reviews = [review(verdict="accept", reviewer="a"), review(verdict="reject", reviewer="b")]
    assert apply_reviews(record_of(shop_trajectory(0, PARALLEL)), reviews, "mask") is None


def test_a_turn_that_awaits_its_correction_holds_back_an_accepted_trajectory() -> None:
    reviews = [review(5, verdict="fix"), review(verdict="accept")]
    assert apply_reviews(record_of(shop_trajectory(0, PARALLEL)), reviews, "mask") is None
    assert reviewed(review(5, verdict="fix", fix=assistant_turn("Better.")), review(verdict="accept")).status == "kept"


def test_a_human_acceptance_stands_above_the_judges() -> None:
    lost = shop_trajectory(0, PARALLEL, status="rejected", stage="state", reason="state_mismatch", detail="differs")
    found = reviewed(review(verdict="accept", note="Fine anyway.", rating=5, reviewer="Eve"), trajectory=lost)
    assert (found.status, found.stage, found.reason, found.detail) == ("kept", None, None, "")
    human = {s.name: s for s in found.scores if s.method == "human"}
    assert human["verdict"].reason == "Fine anyway."
    assert human["rating"].value == 1.0
    assert "Eve" not in found.model_dump_json()


def test_a_rejected_turn_is_masked() -> None:
    found = reviewed(review(5, verdict="reject"))
    assert [turn.train for turn in found.turns] == [True] * 5 + [False]
    assert found.turns[:5] == PARALLEL[:5]


def test_a_rejected_turn_cuts_when_the_recipe_says_so() -> None:
    assert reviewed(review(2, verdict="reject"), untrained="cut").turns == PARALLEL[:2]


def test_only_a_rating_or_tags_on_a_turn_change_nothing() -> None:
    assert reviewed(review(5, rating=1, tags=("unclear answer",))).turns == PARALLEL


def test_ratings_tags_and_notes_leave_with_the_turn_they_speak_of() -> None:
    answer = result_turn("n1", "get_order", '{"price": 21}')
    said = [
        review(verdict="accept", rating=4, tags=("wrong tone",), note="Short.", reviewer="Eve"),
        review(2, verdict="fix", fix=fixed_call(), replayed=(answer,), diverges=False, tags=("wrong argument",)),
        review(4, rating=3),
        review(5, rating=2, tags=("unclear answer",), note="Which one?"),
        review(1, verdict="accept"),
    ]
    earlier = Remark(turn=5, rating=5)
    found = reviewed(*said, trajectory=shop_trajectory(0, PARALLEL, remarks=(earlier,)))
    assert found.remarks == (
        Remark(rating=4, tags=("wrong tone",), note="Short."),
        Remark(turn=2, tags=("wrong argument",)),
        Remark(turn=4, rating=5),
        Remark(turn=4, rating=2, tags=("unclear answer",), note="Which one?"),
    ), "the second recorded result is gone, so the last answer is turn 4"
    assert found.turns[2].original == PARALLEL[2]
    assert "Eve" not in found.model_dump_json()
    cut = reviewed(review(2, verdict="reject", tags=("wrong tool",)), review(1, rating=1), untrained="cut")
    assert cut.remarks == (Remark(turn=1, rating=1),)


def test_a_corrected_text_keeps_what_it_replaced_and_is_trained() -> None:
    masked = (*PARALLEL[:5], PARALLEL[5].model_copy(update={"train": False}))
    found = reviewed(
        review(5, verdict="fix", fix=assistant_turn("Both are cheap.")), trajectory=shop_trajectory(0, masked)
    )
    last = found.turns[-1]
    assert (last.content, last.train) == ("Both are cheap.", True)
    assert last.original is not None
    assert last.original.content == PARALLEL[5].content
    assert found.status == "kept"


def fixed_call(id: str = "n1") -> Turn:
    return calling_turn((id, "get_order", {"id": "#W2"}))


def test_a_corrected_call_uses_the_replayed_results() -> None:
    answer = result_turn("n1", "get_order", '{"price": 21}')
    fix = review(2, verdict="fix", fix=fixed_call(), replayed=(answer,), diverges=False)
    found = reviewed(fix)
    assert [turn.role for turn in found.turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert found.turns[3] == answer
    assert found.turns[4] == PARALLEL[5]


def test_a_request_keeps_its_place_when_a_correction_brings_other_results() -> None:
    asked = shop_trajectory(0, (*PARALLEL, user_turn("And #W3?"), assistant_turn("It costs 4.")), begun=(1, 6))
    fix = review(2, verdict="fix", fix=fixed_call(), replayed=(result_turn("n1", "get_order", "{}"),), diverges=False)
    found = reviewed(fix, trajectory=asked)
    assert found.begun == (1, 5)
    assert found.turns[5] == user_turn("And #W3?")
    cut = reviewed(review(5, verdict="reject"), untrained="cut", trajectory=asked)
    assert cut.begun == (1,)


def test_a_diverging_correction_ends_the_trajectory_after_its_results() -> None:
    answer = result_turn("c1", "get_order", "other")
    found = reviewed(review(2, verdict="fix", fix=fixed_call("c1"), replayed=(answer,), diverges=True))
    assert found.turns[-1] == answer
    assert len(found.turns) == 4


def test_a_corrected_call_without_a_replay_ends_the_trajectory() -> None:
    found = reviewed(review(2, verdict="fix", fix=fixed_call()))
    assert found.turns[-1].tool_calls == fixed_call().tool_calls


def test_a_text_in_place_of_calls_takes_their_results_along() -> None:
    found = reviewed(review(2, verdict="fix", fix=assistant_turn("Which orders?"), diverges=True))
    assert [turn.role for turn in found.turns] == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("arguments", "same"),
    [
        ({"id": "A1", "express": True}, True),
        ({"express": True, "id": "A1"}, True),
        ({"id": "A1", "express": 1}, False),
        ({"id": "A1"}, False),
    ],
)
def test_calls_are_compared_as_the_json_that_they_are(arguments: dict[str, Any], same: bool) -> None:
    def calling(given: dict[str, Any]) -> Turn:
        return Turn(role="assistant", tool_calls=(ToolCall(id="c1", name="ship", arguments=given),))

    assert same_calls(calling({"id": "A1", "express": True}), calling(arguments)) is same


def test_correcting_only_the_text_beside_a_call_keeps_the_results() -> None:
    fix = PARALLEL[2].model_copy(update={"content": "One moment."})
    found = reviewed(review(2, verdict="fix", fix=fix))
    assert [turn.role for turn in found.turns] == [turn.role for turn in PARALLEL]
    assert found.turns[2].content == "One moment."


def test_call_ids_that_are_used_again_keep_their_later_results() -> None:
    turns = (
        user_turn("a"),
        calling_turn(("c1", "get_order", {"id": "1"})),
        result_turn("c1", "get_order", "one"),
        assistant_turn("one"),
        user_turn("b"),
        calling_turn(("c1", "get_order", {"id": "2"})),
        result_turn("c1", "get_order", "two"),
        assistant_turn("two"),
    )
    answer = result_turn("n", "get_order", "one")
    fix = review(1, verdict="fix", fix=fixed_call("n"), replayed=(answer,), diverges=False)
    found = reviewed(fix, trajectory=shop_trajectory(0, turns))
    assert [turn.content for turn in found.turns if turn.role == "tool"] == ["one", "two"]
