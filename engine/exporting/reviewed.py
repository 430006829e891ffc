"""A record as a human's reviews leave it: what is trained, cut, corrected and remarked. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, Literal

from engine.exporting.record import changed, mirrored
from engine.reviewing.corrections import ends_at, same_calls
from engine.reviewing.verdicts import EFFECTS, by_turn, corrections, is_corrected, standing
from engine.types import Record, RecordAttachment, RecordRemark, RecordTurn, Remark, Review, Score, Standing

UNVERIFIED = "unverified_correction"
"""The tag that a correction whose calls were never played leaves with."""


def apply_reviews(record: Record, reviews: Sequence[Review], untrained: Literal["mask", "cut"]) -> Record | None:
    """Return the record as the reviews (oldest first) leave it, or None when they hold it back.

    A rejected turn is masked (train=False), or the trajectory ends before it. A corrected turn is trained and keeps
    what it replaced in `original`; its calls are followed by the results the replay gave. The trajectory ends where
    the recorded dialogue no longer follows from the correction (see `ends_at`). Ratings, problem tags and notes become
    remarks, those of turns that are left out go with them. Attachments stay with turns that are as they were recorded.
    """
    found = standing(reviews)
    if EFFECTS[found].held_back:
        return None
    if not reviews:
        return record
    turns, places = _reviewed_turns(record.turns, reviews, untrained)
    begun = tuple(places[index] for index in record.begun if index in places)
    changes: dict[str, Any] = {"turns": turns, "begun": begun}
    changes["attachments"] = _still_beside(record.attachments, places, corrections(reviews))
    changes["scores"] = (*record.scores, *map(mirrored, _human_scores(reviews, found)))
    changes["remarks"] = _placed([*record.remarks, *map(_remark, reviews)], places)
    if EFFECTS[found].accepted:
        changes |= {"status": "kept", "stage": None, "reason": None, "detail": ""}
    return changed(record, **changes)


def _reviewed_turns(
    turns: Sequence[RecordTurn], reviews: Sequence[Review], untrained: Literal["mask", "cut"]
) -> tuple[tuple[RecordTurn, ...], dict[int, int]]:
    """Return the turns, and where each recorded one that is left stands among them."""
    verdicts = by_turn(reviews)
    found: list[RecordTurn] = []
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


def _corrected(turn: RecordTurn, review: Review, before: set[int]) -> list[RecordTurn]:
    """Return the correction, and the replayed results when its calls are not the recorded ones."""
    assert review.fix is not None
    fix = changed(mirrored(review.fix), original=changed(turn, original=None), train=True)
    if same_calls(turn, review.fix) or not before.issuperset(review.follows):
        return [fix]
    return [fix, *map(mirrored, review.replayed)]


def _still_beside(
    attachments: Sequence[RecordAttachment], places: Mapping[int, int], corrected: Container[int]
) -> tuple[RecordAttachment, ...]:
    """Return the attachments of turns that are left, on the turns as they stand now, without those of corrected turns:
    what was voted, checked or measured there is not of the correction."""
    found = [one for one in attachments if one.turn in places and one.turn not in corrected]
    return tuple(changed(one, turn=places[one.turn]) for one in found)


def _remark(review: Review) -> RecordRemark:
    unverified = (UNVERIFIED,) if review.fix and review.unverified and UNVERIFIED not in review.tags else ()
    tags = (*review.tags, *unverified)
    return mirrored(Remark(turn=review.turn, rating=review.rating, tags=tags, note=review.note))


def _placed(remarks: Sequence[RecordRemark], places: Mapping[int, int]) -> tuple[RecordRemark, ...]:
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
