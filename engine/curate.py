"""Which trajectories count, and what a human's reviews make of their turns. Pure.

A trajectory is kept when its outcome is success (or failures are wanted), it exercised its mode and its reward reaches
the batch's bound; else it is rejected at the first gate that failed, with one short reason. Where the reference turned
out unsteady it is rejected as one whose task was never provable, also where failures are wanted: it is nobody's
failure. A human verdict stands above the judges; what it means is in engine/standing.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from engine.json_value import same
from engine.records import Record, changed, mirrored
from engine.standing import EFFECTS, by_turn, corrections, is_corrected, standing
from engine.steadiness import UNSTEADY
from engine.types import Batch, Remark, Review, Score, Stage, Standing, Trajectory, Turn

UNVERIFIED = "unverified_correction"
"""The tag that a correction whose calls were never played leaves with."""
OUTCOME_JUDGES = frozenset({"state", "facts", "rubric"})
_GATES: tuple[Stage, ...] = ("rules", "state", "judged")
_REASONS = {
    "valid_calls": "invalid_calls",
    "no_repetition": "repetition",
    "grounded": "no_call",
    "mode": "policy_rule",
    "state": "state_mismatch",
    "facts": "missing_fact",
    "rubric": "low_rubric",
}
_ENDS = {
    "user_left": "gave_up",
    "round_cap": "round_cap",
    "step_cap": "step_cap",
    "invalid_calls": "invalid_calls",
    "done": "no_answer",
}


# ---------------------------------------------------------------- the batch's own bounds


def decide(trajectory: Trajectory, batch: Batch) -> Trajectory:
    """Return the scored trajectory with status, stage, reason and detail set. One that failed stays as it is."""
    if trajectory.status == "failed":
        return trajectory
    loss = _loss(trajectory, batch)
    if loss is None:
        return trajectory.model_copy(update={"status": "kept", "stage": None, "reason": None, "detail": ""})
    stage, reason, detail = loss
    return trajectory.model_copy(update={"status": "rejected", "stage": stage, "reason": reason, "detail": detail})


def _loss(trajectory: Trajectory, batch: Batch) -> tuple[Stage, str, str] | None:
    if trajectory.outcome == "failure" and not batch.keep_failures:
        return _first_failure(trajectory)
    if trajectory.outcome != "failure" and trajectory.proof is not None and trajectory.proof.reason == UNSTEADY:
        return "proven", UNSTEADY, trajectory.proof.detail
    if trajectory.outcome == "unmeasured" and not batch.keep_failures and OUTCOME_JUDGES & set(batch.judges):
        return "judged", "unmeasured", _unmeasured(trajectory.scores)
    mode = _unexercised(trajectory)
    if mode is not None:
        return "rules", "mode_not_exercised", mode.reason
    if batch.min_reward > 0 and (trajectory.reward is None or trajectory.reward < batch.min_reward):
        told = "not measured" if trajectory.reward is None else f"{trajectory.reward:g}"
        return "judged", "low_reward", f"The reward is {told}; the batch asks for {batch.min_reward:g}."
    return None


def _first_failure(trajectory: Trajectory) -> tuple[Stage, str, str]:
    failed = [score for score in trajectory.scores if score.passed is False]
    if not failed:
        return "judged", "failure", "The outcome is a failure."
    first = min(failed, key=lambda score: _GATES.index(_gate(score)))
    return _gate(first), _reason(first, trajectory), first.reason


def _gate(score: Score) -> Stage:
    if score.source == "rules":
        return "rules"
    return "state" if score.source == "state" else "judged"


def _reason(score: Score, trajectory: Trajectory) -> str:
    if score.name == "finished":
        return _ENDS.get(trajectory.end, trajectory.end)
    if score.name == "state" and trajectory.tests_passed is False:
        return "tests_failed"
    return _REASONS.get(score.name) or _REASONS.get(score.source) or f"low_{score.name}"


def _unexercised(trajectory: Trajectory) -> Score | None:
    """Return the score that says that the dialogue never came to what its mode is about, or None. That is nobody's
    failure, yet under that mode the dialogue would be mislabelled, also where failures are wanted."""
    return next((s for s in trajectory.scores if s.source == "rules" and s.name == "mode" and s.value is None), None)


def _unmeasured(scores: Sequence[Score]) -> str:
    reasons = [f"{score.name}: {score.reason}" for score in scores if score.value is None]
    return "; ".join(reasons) or "No judge measured the outcome."


# ---------------------------------------------------------------- human verdicts


def apply_reviews(record: Record, reviews: Sequence[Review], untrained: Literal["mask", "cut"]) -> Record | None:
    """Return the record as the reviews (oldest first) leave it, or None when they hold it back.

    A rejected turn is masked (train=False), or the trajectory ends before it. A corrected turn is trained and keeps
    what it replaced in `original`; its calls are followed by the results the replay gave. The trajectory ends where
    the recorded dialogue no longer follows from the correction (see `ends_at`). Ratings, problem tags and notes become
    remarks, those of turns that are left out go with them.
    """
    found = standing(reviews)
    if EFFECTS[found].held_back:
        return None
    if not reviews:
        return record
    turns, places = _reviewed_turns(record.turns, reviews, untrained)
    begun = tuple(places[index] for index in record.begun if index in places)
    changes: dict[str, Any] = {"turns": turns, "begun": begun}
    changes["scores"] = (*record.scores, *map(mirrored, _human_scores(reviews, found)))
    changes["remarks"] = _placed([*record.remarks, *map(_remark, reviews)], places)
    if EFFECTS[found].accepted:
        changes |= {"status": "kept", "stage": None, "reason": None, "detail": ""}
    return changed(record, **changes)


def ends_at(turns: Sequence[Turn], reviews: Sequence[Review]) -> int:
    """Return the index of the first recorded turn that no longer follows from a correction, else how many there are.

    A correction of the text alone keeps what follows. One of the calls says itself how far the record fits; without
    that word it ends where the replay differed, was not made, or had a correction in place that is taken back. So a
    dialogue ends with an unverified correction: its call is trained, and nothing is made up that would follow it.
    """
    end = len(turns)
    before: set[int] = set()
    for index, review in sorted(corrections(reviews).items()):
        if index >= end:
            break
        end = min(end, max(index + 1, _fits_until(turns, index, review, before)))
        if review.fix is not None and not same_calls(turns[index], review.fix):
            before.add(index)
    return end


def same_calls(turn: Turn, fix: Turn) -> bool:
    """Say whether a correction leaves the calls of its turn as they are. Arguments are compared as JSON, for which
    1 is 1.0 and true is not 1; the order of their names says nothing."""
    return len(turn.tool_calls) == len(fix.tool_calls) and all(
        (one.id, one.name, one.raw) == (other.id, other.name, other.raw) and same(one.arguments, other.arguments)
        for one, other in zip(turn.tool_calls, fix.tool_calls, strict=True)
    )


def _reviewed_turns(
    turns: Sequence[Turn], reviews: Sequence[Review], untrained: Literal["mask", "cut"]
) -> tuple[tuple[Turn, ...], dict[int, int]]:
    """Return the turns, and where each recorded one that is left stands among them."""
    verdicts = by_turn(reviews)
    found: list[Turn] = []
    places: dict[int, int] = {}
    replaced: set[str] = set()
    before: set[int] = set()
    for index, turn in enumerate(turns[: ends_at(turns, reviews)]):
        review = verdicts.get(index)
        if turn.role == "tool" and turn.tool_call_id in replaced:
            continue
        if turn.role != "tool":
            replaced = set()  # models use call ids again
        if review is not None and review.verdict == "reject":
            if untrained == "cut":
                break
            places[index] = len(found)
            found.append(changed(turn, train=False))
        elif review is not None and review.fix is not None and is_corrected(review):
            places[index] = len(found)
            found += _corrected(turn, review, before)
            if not same_calls(turn, review.fix):
                replaced = {call.id for call in turn.tool_calls}
                before.add(index)
        else:
            places[index] = len(found)
            found.append(turn)
    return tuple(found), places


def _corrected(turn: Turn, review: Review, before: set[int]) -> list[Turn]:
    """Return the correction, and the replayed results when its calls are not the recorded ones."""
    assert review.fix is not None
    fix = changed(mirrored(review.fix), original=changed(turn, original=None), train=True)
    if same_calls(turn, review.fix) or not before.issuperset(review.follows):
        return [fix]
    return [fix, *map(mirrored, review.replayed)]


def _fits_until(turns: Sequence[Turn], index: int, review: Review, before: set[int]) -> int:
    """Return the first recorded turn that no longer follows from one correction; `before` are the turns before it
    whose calls are corrected too."""
    assert review.fix is not None
    here, everything = index + 1, len(turns)
    if same_calls(turns[index], review.fix):
        return here if review.diverges else everything
    answered = {result.tool_call_id for result in review.replayed}
    whole = bool(review.fix.tool_calls) and all(call.id in answered for call in review.fix.tool_calls)
    if not whole or not before.issuperset(review.follows):
        return here
    if review.fits_until is not None:
        return review.fits_until
    return everything if review.diverges is False else here


def _remark(review: Review) -> Remark:
    unverified = (UNVERIFIED,) if review.fix and review.unverified and UNVERIFIED not in review.tags else ()
    tags = (*review.tags, *unverified)
    return mirrored(Remark(turn=review.turn, rating=review.rating, tags=tags, note=review.note))


def _placed(remarks: Sequence[Remark], places: Mapping[int, int]) -> tuple[Remark, ...]:
    """Return the remarks that say something, on the turns as they stand now; the whole first."""
    saying = [one for one in remarks if one.rating is not None or one.tags or one.note]
    whole = [one for one in saying if one.turn is None]
    turns = [(places[one.turn], one) for one in saying if one.turn is not None and one.turn in places]
    moved = [changed(one, turn=place) for place, one in sorted(turns, key=lambda found: found[0])]
    return (*whole, *moved)


def _human_scores(reviews: Sequence[Review], found: Standing) -> list[Score]:
    """Return the acceptance and the rating as scores, without the reviewer's name."""
    notes = [review.note for review in reviews if review.turn is None and review.note]
    ratings = [review.rating for review in reviews if review.turn is None and review.rating]
    scores: list[Score] = []
    if EFFECTS[found].accepted:
        told = notes[-1] if notes else f"{EFFECTS[found].word} by a human."
        scores.append(Score(name="verdict", value=1.0, passed=True, reason=told, source="review", method="human"))
    if ratings:
        value = (ratings[-1] - 1) / 4
        told = f"Rated {ratings[-1]} of 5."
        scores.append(Score(name="rating", value=value, reason=told, source="review", method="human"))
    return scores
