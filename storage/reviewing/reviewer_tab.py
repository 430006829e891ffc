"""What one browser tab of a reviewer has seen and written, so that two tabs never overwrite each other unnoticed.

A change says what the reviewer saw before it. Where the database holds something else by now, another tab has
changed it: nothing is stored, and the reviewer's value waits until they choose. What this tab wrote itself counts as
seen too, because the browser shows it a moment later.

A ReviewerTab lives as long as the browser session and holds no connection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import Conflict
from engine.types import Review, Standing, Verdict
from storage.database import Database
from storage.reviewing import reviews
from storage.reviewing.reviews import ReviewEvent, ReviewKey

Place = tuple[int, int | None, str]
"""Trajectory, turn (None: the whole) and field of a review."""
TRAJECTORIES_KEPT = 16
"""Trajectories of which a tab remembers what it wrote, the latest ones; a page shows one at a time.
What it wrote on one that drops out counts as seen only when the page shows it."""
_GUARDED = ("verdict", "rating", "note")
"""The fields that two tabs can overwrite. Tags are put on and taken off one by one, so they join."""


@dataclass
class ReviewerTab:
    """One tab. `waiting` holds the values that are not stored, because another tab changed that field meanwhile."""

    reviewer: str
    waiting: dict[Place, Any] = field(default_factory=dict)
    _written: dict[int, dict[int | None, dict[str, Any]]] = field(default_factory=dict)
    _listed: dict[int, Standing] = field(default_factory=dict)

    def own_review(self, found: Iterable[Review], turn: int | None) -> Review | None:
        """Return this reviewer's review of one turn, or of the whole with turn None."""
        return next((r for r in found if r.turn == turn and r.reviewer == self.reviewer), None)

    def change(
        self,
        db: Database,
        trajectory: int,
        turn: int | None,
        changes: Mapping[str, Any],
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        """Change fields of this reviewer's review. Raises Conflict, and changes nothing, when a field of `seen` is
        stored neither so, nor as this tab wrote it, nor as wanted."""
        key, written = ReviewKey(trajectory, turn, self.reviewer), self._touch_written(trajectory).get(turn)
        review = reviews.change_review(db, key, changes, seen=seen, written=written)
        self._note_written(db, trajectory, turn, {name: getattr(review, name) for name in changes})

    def tag(self, db: Database, trajectory: int, turn: int | None, tags: Mapping[str, bool]) -> None:
        """Put problem tags on (True) or take them off; those that another tab put on stay."""
        reviews.change_review(db, ReviewKey(trajectory, turn, self.reviewer), {}, tags=tags)
        self._note_written(db, trajectory, turn, {})

    def change_or_wait(
        self, db: Database, trajectory: int, turn: int | None, changes: Mapping[str, Any], seen: Mapping[str, Any]
    ) -> bool:
        """Store the fields that are still as seen, and put the others into `waiting`; return whether all are stored."""
        try:
            self.change(db, trajectory, turn, changes, seen)
        except Conflict:
            if len(changes) > 1:  # all at once is one step to undo; one by one only where some of them must wait
                seen_for = {name: {name: seen[name]} if name in seen else {} for name in changes}
                one_by_one = [
                    self.change_or_wait(db, trajectory, turn, {name: value}, seen_for[name])
                    for name, value in changes.items()
                ]
                return all(one_by_one)
            self.waiting.update({(trajectory, turn, name): value for name, value in changes.items()})
            return False
        self.drop((trajectory, turn, name) for name in changes)
        return True

    def rate_or_wait(
        self, db: Database, trajectory: int, ratings: Mapping[int, int | None], seen: Mapping[int, int | None]
    ) -> bool:
        """Store, in one transaction, each {turn: rating} still as seen, and put the others into `waiting`; return
        whether all are stored."""
        expected = {turn: self._ratings_accepted(trajectory, turn, rating) for turn, rating in seen.items()}
        found = reviews.save_ratings(db, trajectory, self.reviewer, ratings, expected=expected)
        self.drop((trajectory, turn, "rating") for turn in ratings)
        for turn, rating in ratings.items():
            if found[turn].rating == rating:
                self._note_written(db, trajectory, turn, {"rating": rating})
            else:
                self.waiting[trajectory, turn, "rating"] = rating
        return all(found[turn].rating == rating for turn, rating in ratings.items())

    def drop(self, places: Iterable[Place]) -> None:
        """Remove values from `waiting`: they are stored, or the reviewer keeps what is in the database."""
        for place in places:
            self.waiting.pop(place, None)

    def undo(self, db: Database) -> tuple[ReviewEvent, ...]:
        """Undo this reviewer's last change, on whatever trajectory; return its events. Raises Conflict."""
        events = reviews.undo(db, self.reviewer)
        for event in events:
            empty = Review(trajectory=event.trajectory_id, turn=event.turn, reviewer=self.reviewer)
            before, after = event.before or empty, event.after or empty
            restored = {n: getattr(before, n) for n in _GUARDED if getattr(before, n) != getattr(after, n)}
            self._note_written(db, event.trajectory_id, event.turn, restored)
        return events

    def note_listed(self, standings: Mapping[int, Standing]) -> None:
        """Remember what the queue showed: {trajectory: standing}."""
        self._listed.update(standings)

    def decide_many(self, db: Database, trajectories: Iterable[int], verdict: Verdict) -> list[int]:
        """Give one verdict to several trajectories, as one change. Return those that were skipped, because their
        standing is no longer the one that the queue showed."""
        wanted = set(trajectories)
        skipped = reviews.decide_many(db, wanted, self.reviewer, verdict, seen=self._listed)
        self._note_standings(db, wanted.difference(skipped))
        return skipped

    def _ratings_accepted(self, trajectory: int, turn: int, seen: int | None) -> Collection[int | None]:
        written = self._touch_written(trajectory).get(turn, {})
        return {seen, written["rating"]} if "rating" in written else {seen}

    def _touch_written(self, trajectory: int) -> dict[int | None, dict[str, Any]]:
        """Return {turn: {field: value}} that this tab wrote on a trajectory, and make that trajectory the latest; the
        oldest beyond TRAJECTORIES_KEPT are forgotten."""
        self._written[trajectory] = found = self._written.pop(trajectory, {})
        while len(self._written) > TRAJECTORIES_KEPT:
            del self._written[next(iter(self._written))]
        return found

    def _note_written(self, db: Database, trajectory: int, turn: int | None, fields: Mapping[str, Any]) -> None:
        self._touch_written(trajectory).setdefault(turn, {}).update(fields)
        self._note_standings(db, {trajectory})

    def _note_standings(self, db: Database, trajectories: Collection[int]) -> None:
        """Count the standings that this tab has just made as shown by the queue; what another tab makes of them later
        is not."""
        if listed := self._listed.keys() & trajectories:
            self._listed |= reviews.standings(db, listed)
