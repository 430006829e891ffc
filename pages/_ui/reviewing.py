"""What the review pages share: orders, saved views, and writing verdicts so that nothing else of a review is lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.types import Review, TrajectoryFilter, Verdict
from storage.database import Database
from storage.reviews import reviews_of, save_review

REVIEWER = "me"
"""Who reviews. The studio has one user until it has a login."""

SORTS: dict[str, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "reward_low": "Lowest reward first",
    "reward_high": "Highest reward first",
    "turns": "Most turns first",
    "tool_calls": "Most tool calls first",
    "tokens": "Most tokens first",
    "cost": "Most expensive first",
}
VIEWS: dict[str, TrajectoryFilter] = {
    "To review": TrajectoryFilter(verdicts=("none",), statuses=("kept",)),
    "Failures": TrajectoryFilter(outcomes=("failure",)),
    "Could not be measured": TrajectoryFilter(outcomes=("unmeasured",)),
    "Rejected by a judge": TrajectoryFilter(statuses=("rejected",)),
    "Fix": TrajectoryFilter(verdicts=("fix",)),
    "Accepted": TrajectoryFilter(verdicts=("accept",)),
}


def own_review(reviews: Iterable[Review], turn: int | None) -> Review | None:
    """Return this reviewer's review of one turn, or of the whole with turn None."""
    return next((r for r in reviews if r.turn == turn and r.reviewer == REVIEWER), None)


def change_review(db: Database, trajectory: int, turn: int | None, **changes: Any) -> Review:
    """Change some fields of this reviewer's review and save it; the other fields stay. Return the new review.

    A change that changes nothing writes nothing.
    """
    old = own_review(reviews_of(db, trajectory), turn) or Review(trajectory=trajectory, turn=turn, reviewer=REVIEWER)
    review = Review.model_validate({**old.model_dump(), **changes})
    if review != old:
        save_review(db, review)
    return review


def decide_many(db: Database, trajectories: Iterable[int], verdict: Verdict) -> int:
    """Give one verdict to several trajectories; notes, ratings and tags stay. Return how many."""
    done = 0
    for number in trajectories:
        change_review(db, number, None, verdict=verdict)
        done += 1
    return done
