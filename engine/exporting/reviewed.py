"""Apply human reviews to a record for export: mask, cut and correct turns, add scores and remarks. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, Literal

from engine.exporting.record import changed, record_part
from engine.reviewing.corrections import ends_at, same_calls
from engine.reviewing.verdicts import EFFECTS, by_turn, corrections, is_corrected, standing
from engine.types import Record, RecordAttachment, RecordRemark, RecordTurn, Remark, Review, Score, Standing

UNVERIFIED = "unverified_correction"
"""Exported tag of a correction whose tool calls were never executed."""


def apply_reviews(record: Record, reviews: Sequence[Review], untrained: Literal["mask", "cut"]) -> Record | None:
    """Return the record with the reviews (oldest first) applied, or None when they hold it back from export.

    A rejected turn is masked (train=False), or the trajectory ends before it. A corrected turn is trained and keeps
    the replaced turn in `original`; its calls are followed by the results of their replay. The trajectory ends where
    the recorded dialogue no longer follows from the correction (see `ends_at`). Ratings, problem tags and notes become
    remarks. Remarks on omitted turns are dropped, and attachments on omitted or corrected turns.
    """
    found = standing(reviews)
    if EFFECTS[found].held_back:
        return None
    if not reviews:
        return record
    turns, new_index = _reviewed_turns(record.turns, reviews, untrained)
    begun = tuple(new_index[index] for index in record.begun if index in new_index)
    changes: dict[str, Any] = {"turns": turns, "begun": begun}
    changes["attachments"] = _moved_attachments(record.attachments, new_index, corrections(reviews))
    changes["scores"] = (*record.scores, *map(record_part, _human_scores(reviews, found)))
    changes["remarks"] = _moved_remarks([*record.remarks, *map(_remark, reviews)], new_index)
    if EFFECTS[found].accepted:
        changes |= {"status": "kept", "stage": None, "reason": None, "detail": ""}
    return changed(record, **changes)


def _reviewed_turns(
    turns: Sequence[RecordTurn], reviews: Sequence[Review], untrained: Literal["mask", "cut"]
) -> tuple[tuple[RecordTurn, ...], dict[int, int]]:
    """Return (the turns to export, the new index of each remaining turn by its recorded index)."""
    verdicts = by_turn(reviews)
    found: list[RecordTurn] = []
    new_index: dict[int, int] = {}
    replaced: set[str] = set()
    played: set[int] = set()
    for index, turn in enumerate(turns[: ends_at(turns, reviews)]):
        review = verdicts.get(index)
        if turn.role == "tool" and turn.tool_call_id in replaced:
            continue
        if turn.role != "tool":
            replaced = set()  # models reuse call ids
        if review is not None and review.verdict == "reject":
            if untrained == "cut":
                break
            new_index[index] = len(found)
            found.append(changed(turn, train=False))
        elif review is not None and review.fix is not None and is_corrected(review):
            new_index[index] = len(found)
            found += _correction(turn, review, played)
            if not same_calls(turn, review.fix):
                replaced = {call.id for call in turn.tool_calls}
                played.add(index)
        else:
            new_index[index] = len(found)
            found.append(turn)
    return tuple(found), new_index


def _correction(turn: RecordTurn, review: Review, played: set[int]) -> list[RecordTurn]:
    """Return the correcting turn, followed by its replayed results when its calls differ from the recorded ones.

    `played` holds the indexes of earlier turns whose corrected calls are in effect. The replay built on those in
    `Review.follows`; when one of them is not in effect, its results would be wrong and are left out.
    """
    assert review.fix is not None
    fix = changed(record_part(review.fix), original=changed(turn, original=None), train=True)
    if same_calls(turn, review.fix) or not played.issuperset(review.follows):
        return [fix]
    return [fix, *map(record_part, review.replayed)]


def _moved_attachments(
    attachments: Sequence[RecordAttachment], new_index: Mapping[int, int], corrected: Container[int]
) -> tuple[RecordAttachment, ...]:
    """Return the attachments at their turns' new indexes, without those of omitted turns and of corrected ones, whose
    votes, checks and times belong to the replaced text."""
    found = [one for one in attachments if one.turn in new_index and one.turn not in corrected]
    return tuple(changed(one, turn=new_index[one.turn]) for one in found)


def _remark(review: Review) -> RecordRemark:
    unverified = (UNVERIFIED,) if review.fix and review.unverified and UNVERIFIED not in review.tags else ()
    tags = (*review.tags, *unverified)
    return record_part(Remark(turn=review.turn, rating=review.rating, tags=tags, note=review.note))


def _moved_remarks(remarks: Sequence[RecordRemark], new_index: Mapping[int, int]) -> tuple[RecordRemark, ...]:
    """Return the remarks that are not empty, at their turns' new indexes: those on the whole dialogue first."""
    telling = [one for one in remarks if one.rating is not None or one.tags or one.note]
    whole = [one for one in telling if one.turn is None]
    turns = [(new_index[one.turn], one) for one in telling if one.turn is not None and one.turn in new_index]
    moved = [changed(one, turn=place) for place, one in sorted(turns, key=lambda found: found[0])]
    return (*whole, *moved)


def _human_scores(reviews: Sequence[Review], found: Standing) -> list[Score]:
    """Return the acceptance and the rating as scores, without the reviewer's name."""
    notes = [review.note for review in reviews if review.turn is None and review.note]
    ratings = [review.rating for review in reviews if review.turn is None and review.rating]
    scores: list[Score] = []
    if EFFECTS[found].accepted:
        reason = notes[-1] if notes else f"{EFFECTS[found].word} by a human."
        scores.append(Score(name="verdict", value=1.0, passed=True, reason=reason, source="review", method="human"))
    if ratings:
        value = (ratings[-1] - 1) / 4
        reason = f"Rated {ratings[-1]} of 5."
        scores.append(Score(name="rating", value=value, reason=reason, source="review", method="human"))
    return scores
