"""What human verdicts mean for a trajectory. Nothing else interprets them. Pure.

`standing` sums up all reviews of one trajectory, and `EFFECTS` says what each standing does to lists, counts, charts
and exports. Code that decides by a verdict uses these two, in Python or as SQL over the column `trajectory.verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from engine.types import Recipe, Review, Standing, Status


@dataclass(frozen=True)
class Effect:
    """What a standing does. Where it is neither accepted nor held back, the judges decide."""

    word: str
    """Its name in lists."""
    reviewed: bool = True
    """It counts as reviewed and is no longer offered for review."""
    accepted: bool = False
    """A human accepted the trajectory: it passes the funnel's last gate and is in every export, whatever the judges
    said."""
    held_back: str | None = None
    """The reason code in reports for keeping it out of every export; None where it is not kept out."""
    loss: str | None = None
    """The funnel's reason code for counting a trajectory that the judges kept as not accepted."""


EFFECTS: dict[Standing, Effect] = {
    "accepted": Effect("Accepted", accepted=True),
    "corrected": Effect("Corrected", accepted=True),
    "rejected": Effect("Rejected", held_back="rejected_by_human", loss="rejected_by_human"),
    "awaits_correction": Effect("Awaits correction", held_back="awaits_correction", loss="awaits_correction"),
    "none": Effect("Not reviewed", reviewed=False, loss="not_reviewed"),
}
REVIEWED = tuple(name for name, effect in EFFECTS.items() if effect.reviewed)
UNREVIEWED = tuple(name for name, effect in EFFECTS.items() if not effect.reviewed)
ACCEPTED = tuple(name for name, effect in EFFECTS.items() if effect.accepted)
UNDECIDED = tuple(name for name, effect in EFFECTS.items() if not effect.accepted and not effect.held_back)
"""Standings under which the judges decide."""


def standing(reviews: Sequence[Review]) -> Standing:
    """Return the standing of a trajectory with these reviews (oldest first): the first of these that holds.

    1. The last verdict on the whole is *reject*: rejected.
    2. A turn whose last verdict is *fix* has no correction, or the last verdict on the whole is *fix* and no turn is
       corrected: awaits_correction, also where the whole is accepted, for nobody wants that turn as it is.
    3. The last verdict on the whole is *accept*: accepted, with its corrections.
    4. A turn is corrected: corrected.
    5. none. A verdict on a turn other than *fix* says nothing about the whole.

    Where several reviewers differ, the last one counts, for the whole and for each turn.
    """
    whole = whole_verdict(reviews)
    if whole == "reject":
        return "rejected"
    corrected = bool(corrections(reviews))
    if awaiting(reviews) or (whole == "fix" and not corrected):
        return "awaits_correction"
    if whole == "accept":
        return "accepted"
    return "corrected" if corrected else "none"


def awaiting(reviews: Sequence[Review]) -> tuple[int, ...]:
    """Return the indexes of the turns that are marked *fix* and have no correction yet."""
    return tuple(sorted(n for n, one in by_turn(reviews).items() if one.verdict == "fix" and not is_corrected(one)))


def corrections(reviews: Sequence[Review]) -> dict[int, Review]:
    """Return the last review of each turn whose last review holds a correction, by turn."""
    return {turn: review for turn, review in by_turn(reviews).items() if is_corrected(review)}


def is_corrected(review: Review) -> bool:
    """Return whether a review corrects its turn: its verdict is *fix* and its corrected turn is not empty."""
    fix = review.fix
    return review.verdict == "fix" and fix is not None and bool(fix.content.strip() or fix.tool_calls)


def by_turn(reviews: Sequence[Review]) -> dict[int, Review]:
    """Return the last review of each turn that gives a verdict."""
    return {review.turn: review for review in reviews if review.turn is not None and review.verdict}


def whole_verdict(reviews: Sequence[Review]) -> str | None:
    """Return the last verdict on the trajectory itself."""
    return next((one.verdict for one in reversed(reviews) if one.turn is None and one.verdict), None)


# ---------------------------------------------------------------- what a recipe exports


def refusal(recipe: Recipe, found: Standing, status: Status, reason: str | None, *, empty: bool) -> str | None:
    """Return the reason code for which a recipe leaves out a trajectory of this standing and status, None when it takes
    it. `reason` is the trajectory's own; `empty`: it has no turn. `admitted` is the same rule for many trajectories."""
    effect = EFFECTS[found]
    if effect.accepted or effect.held_back:
        return effect.held_back
    if recipe.only_accepted:
        return "not_accepted_by_human"
    if status == "kept" or (recipe.include_rejected and not empty):
        return None
    return f"{status}:{reason or 'unknown'}"


@dataclass(frozen=True)
class Admission:
    """A set of trajectories that a recipe takes: those of any of these standings and statuses; with `talked` only those
    that have turns."""

    standings: tuple[Standing, ...]
    statuses: tuple[Status, ...] = get_args(Status)
    talked: bool = False


def admitted(recipe: Recipe) -> tuple[Admission, ...]:
    """Return the sets that together are all that a recipe takes; no trajectory is in two of them."""
    found = [Admission(ACCEPTED)]
    if not recipe.only_accepted:
        found.append(Admission(UNDECIDED, ("kept",)))
        if recipe.include_rejected:
            others = tuple(status for status in get_args(Status) if status != "kept")
            found.append(Admission(UNDECIDED, others, talked=True))
    return tuple(found)
