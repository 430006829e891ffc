"""What human verdicts make of a trajectory: the one place that reads them. Pure.

`standing` reads all reviews of one trajectory, `EFFECTS` says what each standing does to lists, counts, charts and
exports. Whoever decides by a verdict reads these two, in Python or as SQL over the column `trajectory.verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from engine.types import Recipe, Review, Standing, Status


@dataclass(frozen=True)
class Effect:
    """What a standing does.

    `word` is its name in lists. `reviewed`: it counts as reviewed and is no longer offered for review. `accepted`: a
    human put the trajectory in, so it passes the funnel's last gate and leaves with every export, whatever the judges
    said. `held_back`: the reason that a report gives for keeping it from every export; None where none does. Where a
    standing is neither accepted nor held back, the judges decide. `loss` is the funnel's reason for counting what the
    judges kept as not accepted.
    """

    word: str
    reviewed: bool = True
    accepted: bool = False
    held_back: str | None = None
    loss: str | None = None


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
    """Return where the reviews (oldest first) leave the trajectory. The first of these that holds:

    1. The last verdict on the whole is *reject*: rejected.
    2. A turn whose last verdict is *fix* has no correction, or the last verdict on the whole is *fix* and no turn is
       corrected: awaits_correction, also where the whole is accepted, for nobody wants that turn as it is.
    3. The last verdict on the whole is *accept*: accepted, with its corrections.
    4. A turn is corrected: corrected.
    5. none. A turn that is only accepted or rejected says nothing of the whole.

    Of several reviewers the last one counts, for the whole and for each turn.
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
    """Return the turns that are marked *fix* and have no correction yet."""
    return tuple(sorted(n for n, one in by_turn(reviews).items() if one.verdict == "fix" and not is_corrected(one)))


def corrections(reviews: Sequence[Review]) -> dict[int, Review]:
    """Return the turn reviews that count and hold a correction, by turn."""
    return {turn: review for turn, review in by_turn(reviews).items() if is_corrected(review)}


def is_corrected(review: Review) -> bool:
    """Say whether a review corrects its turn: it is a *fix*, and its turn is more than an empty one."""
    fix = review.fix
    return review.verdict == "fix" and fix is not None and bool(fix.content.strip() or fix.tool_calls)


def by_turn(reviews: Sequence[Review]) -> dict[int, Review]:
    """Return the last review of each turn that gives a verdict."""
    return {review.turn: review for review in reviews if review.turn is not None and review.verdict}


def whole_verdict(reviews: Sequence[Review]) -> str | None:
    """Return the last verdict on the trajectory itself."""
    return next((one.verdict for one in reversed(reviews) if one.turn is None and one.verdict), None)


# ---------------------------------------------------------------- what leaves


def refusal(recipe: Recipe, found: Standing, status: Status, reason: str | None, *, empty: bool) -> str | None:
    """Return why a recipe does not admit a trajectory of this standing and status, or None when it leaves as far as its
    format can carry it. `empty`: nobody talked, so there is no turn. `admitted` says the same of many."""
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
    """Some of what a recipe admits: these standings with any of these statuses, and only with turns if `talked`."""

    standings: tuple[Standing, ...]
    statuses: tuple[Status, ...] = get_args(Status)
    talked: bool = False


def admitted(recipe: Recipe) -> tuple[Admission, ...]:
    """Return all that a recipe admits; no trajectory is in two of them."""
    found = [Admission(ACCEPTED)]
    if not recipe.only_accepted:
        found.append(Admission(UNDECIDED, ("kept",)))
        if recipe.include_rejected:
            others = tuple(status for status in get_args(Status) if status != "kept")
            found.append(Admission(UNDECIDED, others, talked=True))
    return tuple(found)
