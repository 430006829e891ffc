"""Corrected turns: whether one changes calls, and how far the recorded dialogue still follows from it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.reading.json_value import same
from engine.reviewing.verdicts import corrections
from engine.types import RecordCall, RecordTurn, Review, ToolCall, Turn


def ends_at(turns: Sequence[Turn | RecordTurn], reviews: Sequence[Review]) -> int:
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


def same_calls(turn: Turn | RecordTurn, fix: Turn) -> bool:
    """Say whether a correction leaves the calls of its turn as they are. Arguments are compared as JSON, for which
    1 is 1.0 and true is not 1; the order of their names says nothing."""
    calls: Sequence[ToolCall | RecordCall] = turn.tool_calls
    return len(calls) == len(fix.tool_calls) and all(
        (one.id, one.name, one.raw) == (other.id, other.name, other.raw) and same(one.arguments, other.arguments)
        for one, other in zip(calls, fix.tool_calls, strict=True)
    )


def _fits_until(turns: Sequence[Turn | RecordTurn], index: int, review: Review, before: set[int]) -> int:
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
