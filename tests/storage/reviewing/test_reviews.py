"""Verdicts: the latest counts, the audit trail only grows, undo walks back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from engine.errors import Conflict, InputError
from engine.types import Review, ToolCall, TrajectoryFilter, Turn
from storage.database import Database, open_database
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.stored_samples import queue_batch

WHOLE, SECOND = (reviews.ReviewKey(1, turn, "me") for turn in (None, 2))


@pytest.fixture
def reviewed(db: Database) -> Database:
    SqlStore(db).save(
        queue_batch(db), [order_trajectory(0), lost_trajectory(1, "state", "wrong_state"), order_trajectory(2)]
    )
    return db


def test_the_latest_per_turn_and_reviewer_counts(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=1, verdict="reject", note="no"))
    reviews.save_review(reviewed, Review(trajectory=1, verdict="accept"))
    reviews.save_review(reviewed, Review(trajectory=1, reviewer="sam", verdict="reject"))
    reviews.save_review(reviewed, Review(trajectory=1, turn=2, rating=4))
    found = reviews.reviews_of(reviewed, 1)
    assert [(r.turn, r.reviewer, r.verdict, r.rating) for r in found] == [
        (None, "me", "accept", None),
        (None, "sam", "reject", None),
        (2, "me", None, 4),
    ]
    assert len(reviews.history(reviewed, 1)) == 4
    row = trajectories.row(reviewed, 1)
    assert (row.standing, row.rating) == ("rejected", 4.0)


def test_a_human_overrides_the_judge_for_filters(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=2, verdict="accept"))
    row = trajectories.row(reviewed, 2)
    assert (row.status, row.reason, row.standing) == ("rejected", "wrong_state", "accepted")
    accepted = TrajectoryFilter(verdicts=("accept",))
    assert [r.id for r in trajectories.page(reviewed, accepted)[0]] == [2]
    assert reviews.review_progress(reviewed, TrajectoryFilter()) == (1, 3)
    assert reviews.review_progress(reviewed, TrajectoryFilter(statuses=("kept",))) == (0, 2)


def test_a_correction_is_kept_whole(reviewed: Database) -> None:
    fix = Turn(role="assistant", tool_calls=(ToolCall(id="c1", name="get_order", arguments={"id": "ü\x00"}),))
    replayed = (Turn(role="tool", content="{}", tool_call_id="c1", name="get_order"),)
    review = Review(trajectory=1, turn=2, verdict="fix", fix=fix, replayed=replayed, diverges=True, tags=("wrong id",))
    reviews.save_review(reviewed, review)
    assert reviews.reviews_of(reviewed, 1) == [review]
    assert trajectories.row(reviewed, 1).standing == "corrected"


def test_ratings_are_saved_together_and_leave_the_rest(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=1, turn=1, verdict="reject", note="why", tags=("a",)))
    reviews.save_ratings(reviewed, 1, "me", {n: 1 + n % 5 for n in range(5)})
    found = {r.turn: r for r in reviews.reviews_of(reviewed, 1)}
    assert {turn: r.rating for turn, r in found.items()} == {0: 1, 1: 2, 2: 3, 3: 4, 4: 5}
    assert (found[1].verdict, found[1].note, found[1].tags) == ("reject", "why", ("a",))
    assert trajectories.row(reviewed, 1).rating == 3.0
    reviews.save_ratings(reviewed, 1, "me", {0: None})
    assert reviews.reviews_of(reviewed, 1)[0].rating is None


def test_a_bad_rating_stores_none_of_them(reviewed: Database) -> None:
    with pytest.raises(ValidationError):
        reviews.save_ratings(reviewed, 1, "me", {0: 5, 1: 9})
    assert reviews.reviews_of(reviewed, 1) == []


def test_undo_walks_back_one_change_at_a_time(reviewed: Database) -> None:
    first = Review(trajectory=1, verdict="accept", tags=("x",))
    second = Review(trajectory=1, verdict="reject", tags=("y",))
    reviews.save_review(reviewed, first)
    reviews.save_review(reviewed, second)
    reviews.save_ratings(reviewed, 1, "me", {2: 5})

    assert [(e.turn, e.before) for e in reviews.undo(reviewed, "me")] == [(2, None)]
    assert reviews.reviews_of(reviewed, 1) == [second]
    assert [e.before for e in reviews.undo(reviewed, "me")] == [first]
    assert reviews.reviews_of(reviewed, 1) == [first]
    assert trajectories.row(reviewed, 1).standing == "accepted"
    assert reviews.tags_in_use(reviewed) == ["x"]
    assert [e.before for e in reviews.undo(reviewed, "me")] == [None]
    assert reviews.reviews_of(reviewed, 1) == []
    assert trajectories.row(reviewed, 1).standing == "none"
    assert reviews.undo(reviewed, "me") == ()

    events = reviews.history(reviewed, 1)
    assert [e.undoes for e in events] == [None, None, None, 3, 2, 1]
    assert events[1].before == first
    assert events[1].after == second


def test_undo_finds_the_last_change_on_whatever_trajectory(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=3, verdict="reject"))
    reviews.save_review(reviewed, Review(trajectory=1, turn=2, note="wrong amount"))
    assert [(e.trajectory_id, e.turn) for e in reviews.undo(reviewed, "me")] == [(1, 2)]
    assert [(e.trajectory_id, e.turn) for e in reviews.undo(reviewed, "me")] == [(3, None)]
    assert trajectories.row(reviewed, 3).standing == "none"


def test_a_verdict_for_many_is_taken_back_as_one(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=3, verdict="accept", note="keep me", tags=("x",)))
    assert reviews.decide_many(reviewed, [3, 1, 2], "me", "reject") == []
    assert [trajectories.row(reviewed, n).standing for n in (1, 2, 3)] == ["rejected"] * 3
    assert reviews.reviews_of(reviewed, 3)[0].note == "keep me"
    assert [e.trajectory_id for e in reviews.undo(reviewed, "me")] == [1, 2, 3]
    assert [trajectories.row(reviewed, n).standing for n in (1, 2, 3)] == ["none", "none", "accepted"]
    assert [e.trajectory_id for e in reviews.undo(reviewed, "me")] == [3]
    with pytest.raises(InputError, match="no trajectory 99"):
        reviews.decide_many(reviewed, [1, 99], "me", "accept")
    assert trajectories.row(reviewed, 1).standing == "none"


def test_undo_touches_nobody_else(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=1, verdict="accept"))
    reviews.save_review(reviewed, Review(trajectory=1, reviewer="sam", verdict="reject"))
    reviews.undo(reviewed, "me")
    assert [r.reviewer for r in reviews.reviews_of(reviewed, 1)] == ["sam"]
    assert reviews.undo(reviewed, "me") == ()


def test_after_an_undo_new_changes_can_be_undone(reviewed: Database) -> None:
    for verdict in ("accept", "reject"):
        reviews.save_review(reviewed, Review(trajectory=1, verdict=verdict))
    reviews.undo(reviewed, "me")
    reviews.save_review(reviewed, Review(trajectory=1, verdict="fix"))
    reviews.undo(reviewed, "me")
    assert reviews.reviews_of(reviewed, 1)[0].verdict == "accept"
    reviews.undo(reviewed, "me")
    assert reviews.reviews_of(reviewed, 1) == []


# ---------------------------------------------------------------- two tabs


def test_a_note_that_was_changed_elsewhere_is_not_overwritten(reviewed: Database) -> None:
    reviews.change_review(reviewed, SECOND, {"note": "from the first tab"}, seen={"note": ""})
    with pytest.raises(Conflict, match="note of turn 2 was changed elsewhere"):
        reviews.change_review(reviewed, SECOND, {"note": "from the second tab"}, seen={"note": ""})
    (found,) = reviews.reviews_of(reviewed, 1)
    assert found.note == "from the first tab"
    assert len(reviews.history(reviewed, 1)) == 1
    reviews.change_review(reviewed, SECOND, {"note": "both"}, seen={"note": "from the first tab"})
    assert reviews.reviews_of(reviewed, 1)[0].note == "both"


def test_a_verdict_given_on_another_one_than_is_stored_is_refused(reviewed: Database) -> None:
    reviews.change_review(reviewed, SECOND, {"verdict": "reject"})
    with pytest.raises(Conflict, match="verdict of turn 2"):
        reviews.change_review(reviewed, SECOND, {"verdict": "accept"}, seen={"verdict": None})
    reviews.change_review(reviewed, SECOND, {"verdict": "reject"}, seen={"verdict": None})
    assert len(reviews.history(reviewed, 1)) == 1, "two tabs that say the same do not differ"
    with pytest.raises(Conflict):
        reviews.change_review(reviewed, SECOND, {"verdict": "fix"}, seen={"verdict": None}, written={"rating": None})
    written = {"verdict": "reject"}
    reviews.change_review(reviewed, SECOND, {"verdict": "accept"}, seen={"verdict": None}, written=written)
    assert reviews.reviews_of(reviewed, 1)[0].verdict == "accept"


def test_ratings_given_on_other_ones_than_are_stored_are_left_out(reviewed: Database) -> None:
    reviews.save_ratings(reviewed, 1, "me", {2: 5})
    found = reviews.save_ratings(reviewed, 1, "me", {1: 3, 2: 4, 3: 2}, expected={1: {None}, 2: {None, 3}})
    assert {turn: review.rating for turn, review in found.items()} == {1: 3, 2: 5, 3: 2}
    assert {r.turn: r.rating for r in reviews.reviews_of(reviewed, 1)} == {1: 3, 2: 5, 3: 2}
    reviews.save_ratings(reviewed, 1, "me", {2: 4}, expected={2: {5}})
    assert reviews.reviews_of(reviewed, 1)[1].rating == 4


def test_a_verdict_for_many_passes_over_what_was_judged_meanwhile(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=2, verdict="accept"))
    assert reviews.decide_many(reviewed, [1, 2, 3], "me", "reject", seen={1: "none", 2: "none"}) == [2]
    assert [trajectories.row(reviewed, n).standing for n in (1, 2, 3)] == ["rejected", "accepted", "rejected"]
    assert reviews.decide_many(reviewed, [2], "me", "reject", seen={2: "accepted"}) == []


def test_tags_of_two_tabs_come_together(reviewed: Database) -> None:
    reviews.change_review(reviewed, WHOLE, {"verdict": "reject"}, tags={"wrong tool": True, "x": True})
    reviews.change_review(reviewed, WHOLE, {}, tags={"stops early": True, "wrong tool": True})
    found = reviews.change_review(reviewed, WHOLE, {}, tags={"x": False})
    assert (found.tags, found.verdict) == (("wrong tool", "stops early"), "reject")
    before = len(reviews.history(reviewed, 1))
    reviews.change_review(reviewed, WHOLE, {"verdict": "reject"}, tags={"x": False})
    assert len(reviews.history(reviewed, 1)) == before


def test_changes_of_one_review_at_once_lose_no_field(reviewed: Database, url: str) -> None:
    def change(number: int) -> None:
        other = open_database(url)
        reviews.change_review(other, reviews.ReviewKey(1, 3, "me"), {}, tags={f"tag {number}": True})
        other.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(change, range(8)))
    assert set(reviews.reviews_of(reviewed, 1)[0].tags) == {f"tag {n}" for n in range(8)}


def test_saving_the_same_again_is_no_event(reviewed: Database) -> None:
    for _ in range(3):
        reviews.save_review(reviewed, Review(trajectory=1, verdict="accept"))
    assert len(reviews.history(reviewed, 1)) == 1


def test_tags_are_listed_by_use(reviewed: Database) -> None:
    reviews.save_review(reviewed, Review(trajectory=1, verdict="reject", tags=("rare", "common")))
    reviews.save_review(reviewed, Review(trajectory=2, verdict="reject", tags=("common", "common")))
    assert reviews.tags_in_use(reviewed) == ["common", "rare"]


def test_a_missing_trajectory_is_refused(reviewed: Database) -> None:
    with pytest.raises(InputError, match="no trajectory 99"):
        reviews.save_review(reviewed, Review(trajectory=99, verdict="accept"))
    with pytest.raises(InputError, match="no trajectory 99"):
        reviews.save_ratings(reviewed, 99, "me", {1: 1})


def test_reviewers_at_once_lose_nothing(reviewed: Database, url: str) -> None:
    def rate(number: int) -> None:
        other = open_database(url)
        for turn in range(5):
            reviews.save_ratings(other, 1, f"reviewer {number}", {turn: 1 + (number + turn) % 5})
        other.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(rate, range(4)))
    found = reviews.reviews_of(reviewed, 1)
    assert len(found) == 20 == len(reviews.history(reviewed, 1))
    assert trajectories.row(reviewed, 1).rating == pytest.approx(sum(r.rating or 0 for r in found) / 20)
