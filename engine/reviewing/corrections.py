"""Whether a corrected turn changes tool calls, and how far the recorded dialogue still follows from it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.reading.json_value import same
from engine.reviewing.verdicts import corrections
from engine.types import RecordCall, RecordTurn, Review, ToolCall, Turn


def ends_at(turns: Sequence[Turn | RecordTurn], reviews: Sequence[Review]) -> int:
    """Return the index of the first recorded turn that no longer follows from a correction; the number of turns when
    all follow.

    A correction of the text alone keeps all later turns. A correction of calls keeps them up to its `fits_until`; if
    that is None, it keeps all when its replay showed no difference, and none when there was a difference or no replay,
    or when the replay had another correction in place that is withdrawn now. So a dialogue ends with an unverified
    correction: its call is trained, and no turns are kept that might not follow from it.
    """
    end = len(turns)
    before: set[int] = set()  # turns with corrected calls
    for index, review in sorted(corrections(reviews).items()):
        if index >= end:
            break
        end = min(end, max(index + 1, _fits_until(turns, index, review, before)))
        if review.fix is not None and not same_calls(turns[index], review.fix):
            before.add(index)
    return end


def same_calls(turn: Turn | RecordTurn, fix: Turn) -> bool:
    """Return whether a correction leaves the calls of its turn as they are. Arguments are compared as JSON: 1 equals
    1.0, true does not equal 1, and the order of names does not matter."""
    calls: Sequence[ToolCall | RecordCall] = turn.tool_calls
    return len(calls) == len(fix.tool_calls) and all(
        (one.id, one.name, one.raw) == (other.id, other.name, other.raw) and same(one.arguments, other.arguments)
        for one, other in zip(calls, fix.tool_calls, strict=True)
    )


def _fits_until(turns: Sequence[Turn | RecordTurn], index: int, review: Review, before: set[int]) -> int:
    """Return the index of the first recorded turn that no longer follows from one correction. `before` are the earlier
    turns with corrected calls."""
    assert review.fix is not None
    none_kept, all_kept = index + 1, len(turns)
    if same_calls(turns[index], review.fix):
        return none_kept if review.diverges else all_kept
    answered = {result.tool_call_id for result in review.replayed}
    replayed = bool(review.fix.tool_calls) and all(call.id in answered for call in review.fix.tool_calls)
    if not replayed or not before.issuperset(review.follows):
        return none_kept
    if review.fits_until is not None:
        return review.fits_until
    return all_kept if review.diverges is False else none_kept
