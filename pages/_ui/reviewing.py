"""What the review pages share: orders, saved views, and writing verdicts so that nothing else of a review is lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from engine.reviewing.verdicts import ACCEPTED
from engine.types import Review, Standing, TrajectoryFilter, Verdict
from pages._ui.format import plural
from pages._ui.notices import leave
from pages._ui.text import literal
from storage import reviews
from storage.database import Database
from storage.reviews import ReviewEvent

REVIEWER = "me"
"""Who reviews. The studio has one user until it has a login."""
TRAJECTORIES_KEPT = 16
_GUARDED = ("verdict", "rating", "note")
LONGEST_TAG = 40
LONGEST_NOTE = 4000
TAGS_OFFERED = 24
FIRST_TAGS = (
    "wrong tool",
    "wrong argument",
    "unneeded call",
    "breaks the policy",
    "made-up fact",
    "unclear answer",
    "stops early",
    "unnatural user",
)

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
    "Awaits correction": TrajectoryFilter(verdicts=("awaits_correction",)),
    "Accepted": TrajectoryFilter(verdicts=ACCEPTED),
}


def tag_of(text: str) -> str:
    """Return a problem tag as it is stored: small letters, single spaces."""
    return " ".join(text.split())[:LONGEST_TAG].lower()


def known_tags(db: Database, first: Iterable[str] = ()) -> list[str]:
    """Return the problem tags on offer: `first`, then those in use, then some to begin with."""
    return list(dict.fromkeys((*first, *reviews.tags_in_use(db), *FIRST_TAGS)))[:TAGS_OFFERED]


def own_review(found: Iterable[Review], turn: int | None) -> Review | None:
    """Return this reviewer's review of one turn, or of the whole with turn None."""
    return next((r for r in found if r.turn == turn and r.reviewer == REVIEWER), None)


def change_review(
    db: Database,
    trajectory: int,
    turn: int | None,
    *,
    seen: Mapping[str, Any] | None = None,
    mark: Mapping[str, bool] | None = None,
    **changes: Any,
) -> Review:
    """Change some fields of this reviewer's review; `mark` puts tags on or takes them off. Raises Conflict when a field
    is neither as `seen` nor as this tab left it."""
    left = left_by_this_tab(trajectory).get(turn)
    key = reviews.ReviewKey(trajectory, turn, REVIEWER)
    review = reviews.change_review(db, key, changes, seen=seen, left=left, tags=mark)
    _leave_behind(trajectory, turn, {name: getattr(review, name) for name in changes})
    return review


def rate_turns(
    db: Database, trajectory: int, ratings: Mapping[int, int | None], seen: Mapping[int, int | None]
) -> dict[int, int | None]:
    """Store {turn: rating} at once; `seen` are the ratings that the reviewer saw there. Return those that were not
    stored, because another tab rated these turns meanwhile."""
    left = left_by_this_tab(trajectory)
    expected = {
        turn: {rating, *([left[turn]["rating"]] if "rating" in left.get(turn, ()) else [])}
        for turn, rating in seen.items()
    }
    found = reviews.save_ratings(db, trajectory, REVIEWER, ratings, expected=expected)
    refused = {turn: rating for turn, rating in ratings.items() if found[turn].rating != rating}
    for turn in ratings.keys() - refused.keys():
        _leave_behind(trajectory, turn, {"rating": ratings[turn]})
    return refused


def left_by_this_tab(trajectory: int) -> dict[int | None, dict[str, Any]]:
    """Return the fields of reviews that this tab itself wrote, as it left them, by turn. The browser hears of them a
    moment later, so what it saw may be older. What another tab wrote is not among them."""
    kept: dict[int, dict[int | None, dict[str, Any]]] = st.session_state.setdefault("left_by_this_tab", {})
    kept[trajectory] = found = kept.pop(trajectory, {})
    while len(kept) > TRAJECTORIES_KEPT:
        del kept[next(iter(kept))]
    return found


def _leave_behind(trajectory: int, turn: int | None, fields: Mapping[str, Any]) -> None:
    left_by_this_tab(trajectory).setdefault(turn, {}).update(fields)
    st.session_state.get("standings_seen", {}).pop(trajectory, None)  # this tab knows better than its list


def undo_last(db: Database) -> tuple[ReviewEvent, ...]:
    """Take back this reviewer's last change, on whatever trajectory, and say what it was. Raises Conflict."""
    events = reviews.undo(db, REVIEWER)
    for event in events:
        none = Review(trajectory=event.trajectory_id, turn=event.turn, reviewer=REVIEWER)
        before, after = event.before or none, event.after or none
        back = {n: getattr(before, n) for n in _GUARDED if getattr(before, n) != getattr(after, n)}
        _leave_behind(event.trajectory_id, event.turn, back)
    leave(literal(undone_text(events)), "undo")
    return events


def undone_text(events: Sequence[ReviewEvent]) -> str:
    """Say in words what an undo took back."""
    if not events:
        return "There is nothing left to undo."
    first = events[0]
    if len(events) > 1:
        word = first.after.verdict if first.after else "verdict"
        return f"Undone: {word} of {plural(len(events), 'trajectory', 'trajectories')}."
    where = f"trajectory {first.trajectory_id}" + ("" if first.turn is None else f", turn {first.turn}")
    return f"Undone on {where}."


def saw_standings(standings: Mapping[int, Standing]) -> None:
    """Remember what a list showed: {trajectory: standing}."""
    st.session_state.setdefault("standings_seen", {}).update(standings)


def decide_many(db: Database, trajectories: Iterable[int], verdict: Verdict) -> list[int]:
    """Give one verdict to several trajectories, as one change. Return those that were left alone, because they have
    another standing by now than the list showed."""
    return reviews.decide_many(db, trajectories, REVIEWER, verdict, seen=st.session_state.get("standings_seen"))
