"""Two tabs of one reviewer: neither overwrites changes of the other unseen, and unsent changes are kept."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Conflict, InputError
from engine.types import Review
from storage.database import Database
from storage.reviewing import reviews
from storage.reviewing.reviewer_tab import TRAJECTORIES_KEPT, ReviewerTab
from storage.serving.store import SqlStore
from tests.samples.trajectories import order_trajectory
from tests.storage.stored_samples import queue_batch

TURN = 2


@pytest.fixture
def filled(db: Database) -> Database:
    SqlStore(db).save(queue_batch(db, 20), [order_trajectory(n) for n in range(20)])
    return db


@pytest.fixture
def tab() -> ReviewerTab:
    return ReviewerTab("me")


@pytest.fixture
def other() -> ReviewerTab:
    """Another tab of the same reviewer."""
    return ReviewerTab("me")


def stored(db: Database, trajectory: int = 1, turn: int | None = None) -> Review:
    found = ReviewerTab("me").own_review(reviews.reviews_of(db, trajectory), turn)
    return found or Review(trajectory=trajectory, turn=turn)


def test_a_reviewer_s_own_review_is_told_from_others(filled: Database, tab: ReviewerTab) -> None:
    ReviewerTab("sam").change(filled, 1, TURN, {"rating": 1})
    assert tab.own_review(reviews.reviews_of(filled, 1), TURN) is None
    tab.change(filled, 1, TURN, {"rating": 5})
    found = tab.own_review(reviews.reviews_of(filled, 1), TURN)
    assert found is not None
    assert (found.reviewer, found.rating) == ("me", 5)


def test_a_field_that_another_tab_changed_is_refused(filled: Database, tab: ReviewerTab, other: ReviewerTab) -> None:
    other.change(filled, 1, None, {"verdict": "accept"})
    with pytest.raises(Conflict, match="verdict of the trajectory"):
        tab.change(filled, 1, None, {"verdict": "reject", "note": "mine"}, {"verdict": None})
    assert (stored(filled).verdict, stored(filled).note) == ("accept", "")


def test_fields_still_as_seen_are_stored_and_the_others_wait(
    filled: Database, tab: ReviewerTab, other: ReviewerTab
) -> None:
    other.change(filled, 1, TURN, {"verdict": "accept"})
    seen = {"verdict": None, "rating": None}
    assert not tab.change_or_wait(filled, 1, TURN, {"verdict": "fix", "rating": 4, "note": "unseen"}, seen)
    found = stored(filled, turn=TURN)
    assert (found.verdict, found.rating, found.note) == ("accept", 4, "unseen")
    assert tab.waiting == {(1, TURN, "verdict"): "fix"}


def test_what_is_changed_on_what_is_saved_by_now_waits_no_longer(
    filled: Database, tab: ReviewerTab, other: ReviewerTab
) -> None:
    other.change(filled, 1, None, {"note": "theirs"})
    assert not tab.change_or_wait(filled, 1, None, {"note": "mine"}, {"note": ""})
    assert tab.change_or_wait(filled, 1, None, {"note": "both"}, {"note": "theirs"})
    assert (stored(filled).note, tab.waiting) == ("both", {})


def test_what_is_dropped_waits_no_longer_and_the_rest_does(tab: ReviewerTab) -> None:
    tab.waiting = {(1, None, "verdict"): "accept", (1, 2, "note"): "mine", (2, None, "verdict"): "fix"}
    tab.drop([(1, None, "verdict"), (1, 2, "note"), (9, 9, "rating")])
    assert tab.waiting == {(2, None, "verdict"): "fix"}


def test_what_a_tab_wrote_itself_counts_as_seen_whatever_the_browser_saw(filled: Database, tab: ReviewerTab) -> None:
    late: dict[str, Any] = {"verdict": None, "rating": None, "note": ""}
    for verdict, rating, note in (("accept", 1, "a"), ("reject", 2, "b"), (None, 3, "c")):
        assert tab.change_or_wait(filled, 1, None, {"verdict": verdict, "rating": rating, "note": note}, late)
        assert tab.rate_or_wait(filled, 1, {TURN: rating}, {TURN: None})
    found = stored(filled)
    assert (found.verdict, found.rating, found.note, stored(filled, turn=TURN).rating) == (None, 3, "c", 3)
    assert tab.waiting == {}
    fresh = ReviewerTab("me")
    assert not fresh.change_or_wait(filled, 1, None, {"rating": 5}, late), "a tab that wrote nothing saw nothing"
    assert fresh.waiting == {(1, None, "rating"): 5}


def test_an_undo_is_what_the_tab_left_behind(filled: Database, tab: ReviewerTab) -> None:
    tab.change(filled, 1, TURN, {"rating": 3}, {"rating": None})
    tab.change(filled, 1, TURN, {"rating": 4}, {"rating": 3})
    assert [event.trajectory_id for event in tab.undo(filled)] == [1]
    assert stored(filled, turn=TURN).rating == 3
    assert tab.change_or_wait(filled, 1, TURN, {"rating": 5}, {"rating": 4}), "the browser still showed the 4"
    assert tab.undo(filled)
    assert tab.undo(filled)
    assert tab.undo(filled) == ()
    assert stored(filled, turn=TURN).rating is None


def test_ratings_are_stored_where_they_are_as_seen(filled: Database, tab: ReviewerTab, other: ReviewerTab) -> None:
    assert other.rate_or_wait(filled, 1, {2: 5, 4: 5}, {})
    assert not tab.rate_or_wait(filled, 1, {1: 1, 2: 1, 4: 2, 3: None}, {1: None, 2: None, 4: 5, 3: None})
    assert [stored(filled, turn=turn).rating for turn in (1, 2, 4, 3)] == [1, 5, 2, None]
    assert tab.waiting == {(1, 2, "rating"): 1}
    assert tab.rate_or_wait(filled, 1, {2: 3}, {2: 5})
    assert (stored(filled, turn=2).rating, tab.waiting) == (3, {})


def test_tags_of_two_tabs_join(filled: Database, tab: ReviewerTab, other: ReviewerTab) -> None:
    tab.tag(filled, 1, TURN, {"rude": True, "slow": True})
    other.tag(filled, 1, TURN, {"slow": False, "long": True})
    assert stored(filled, turn=TURN).tags == ("rude", "long")


def test_a_verdict_for_many_leaves_alone_what_stands_otherwise_than_the_list_showed(
    filled: Database, tab: ReviewerTab, other: ReviewerTab
) -> None:
    tab.note_listed({1: "none", 2: "none", 3: "none"})
    other.change(filled, 2, None, {"verdict": "reject"})
    assert tab.decide_many(filled, [1, 2, 4], "accept") == [2]
    assert reviews.standings(filled, [1, 2, 4]) == {1: "accepted", 2: "rejected", 4: "accepted"}
    tab.change(filled, 3, None, {"verdict": "reject"})
    assert tab.decide_many(filled, [3], "accept") == [], "the tab knows better than its list what it did itself"
    other.change(filled, 3, None, {"verdict": "reject"}, {"verdict": "accept"})
    assert tab.decide_many(filled, [3], "accept") == [3], "what another tab did after that is not seen"


def test_a_tab_remembers_the_latest_trajectories_only(filled: Database, tab: ReviewerTab) -> None:
    for number in range(1, TRAJECTORIES_KEPT + 2):
        tab.change(filled, number, None, {"rating": 1})
    assert not tab.change_or_wait(filled, 1, None, {"rating": 2}, {"rating": None})
    assert tab.change_or_wait(filled, TRAJECTORIES_KEPT + 1, None, {"rating": 2}, {"rating": None})


def test_a_trajectory_that_is_gone_is_refused(filled: Database, tab: ReviewerTab) -> None:
    with pytest.raises(InputError, match="no trajectory 99"):
        tab.change_or_wait(filled, 99, None, {"rating": 1}, {})
    assert tab.waiting == {}
