"""Trajectories beyond a context length: named, left out, or cut after the last trained answer that fits.

A length is the number of tokens of the whole dialogue up to its last answer, with its tools, as the chat template of
the tokenizer writes it. What one row of a format holds may be shorter.
"""

from __future__ import annotations

from engine.errors import InputError
from engine.exporting.alterations.altered import Altered
from engine.exporting.chat_template import REFUSALS
from engine.exporting.content import tool_schemas
from engine.exporting.dialogue import to_last_answer
from engine.exporting.messages import MessageForm
from engine.exporting.record import changed
from engine.exporting.tokenizer import ChatTokenizer, load
from engine.types import ContextLength, Record

LONGER_DROPPED = "longer_than_context"
CUT = "cut_to_context"
NOT_COUNTED = "length_not_counted"
"""Name under which the report counts trajectories that the template refuses, whose length is therefore unknown."""
_FORM = MessageForm()


class Fit:
    """Holds records against one context length. Raises InputError when the tokenizer cannot be used."""

    def __init__(self, limit: ContextLength) -> None:
        self._limit = limit
        self.tokenizer: ChatTokenizer = load(limit.tokenizer)
        self.tokenizer.render(False)  # so that a template that cannot be read is refused before anything is counted
        self.tokenizer.render(True)

    def fitted(self, record: Record) -> Altered:
        """Return the record as the limit leaves it."""
        end = len(to_last_answer(record.turns))
        length = self.length(record, end)
        if length is None:
            return Altered(record, lost=(NOT_COUNTED,))
        if length <= self._limit.tokens:
            return Altered(record)
        if self._limit.longer == "name":
            return Altered(record, beyond=length)
        cut = self._last_that_fits(record, end) if self._limit.longer == "cut" else 0
        if not cut:
            return Altered(record, LONGER_DROPPED, length)
        return Altered(_cut(record, cut), None, length, (CUT,))

    def length(self, record: Record, end: int) -> int | None:
        """Return the number of tokens of the first `end` turns; None where the template refuses them."""
        tools = tool_schemas(record.tools)
        try:
            return self.tokenizer.count(self.tokenizer.text(_FORM.messages(record.turns[:end]), tools))
        except REFUSALS:
            return None

    def _last_that_fits(self, record: Record, whole: int) -> int:
        """Return the number of turns up to the last trained answer with which the dialogue fits; 0 where none does.

        More turns never have fewer tokens, so half of the ends are ruled out by each count.
        """
        ends = [
            place + 1
            for place, turn in enumerate(record.turns[: whole - 1])
            if turn.role == "assistant" and turn.train and place
        ]
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high) // 2
            length = self.length(record, ends[middle])
            if length is not None and length <= self._limit.tokens:
                low = middle + 1
            else:
                high = middle
        return ends[low - 1] if low else 0


def _cut(record: Record, end: int) -> Record:
    """Return the record with its first `end` turns and what belongs to them."""
    return changed(
        record,
        turns=tuple(record.turns[:end]),
        begun=tuple(place for place in record.begun if place < end),
        attachments=tuple(one for one in record.attachments if one.turn < end),
        remarks=tuple(one for one in record.remarks if one.turn is None or one.turn < end),
    )


def refuse_cut(limit: ContextLength | None, format: str, whole: bool) -> None:
    """Raise InputError where a limit would cut what the format needs whole: both sides of a pair, or a record."""
    if limit is not None and limit.longer == "cut" and whole:
        raise InputError(
            "longer", f"the format {format} needs whole dialogues.", "Name longer ones, or leave them out."
        )
