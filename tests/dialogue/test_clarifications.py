"""How many questions in a row the assistant asked before it did anything."""

from __future__ import annotations

import pytest

from engine.dialogue.questions import clarifications
from engine.domains import catalog, pack_files
from engine.planning.tasks import Rejected, sample
from engine.settings import CATALOG
from engine.types import ToolCall, Turn

IDENTITY = "Of course. May I have your name and your date of birth?"
YEAR, COLOUR, SIZE = "Which year is it?", "And which colour?", "Could you tell me the size?"
GO_ON = "I would book the flight for you. Shall I go ahead?"
CALL = "(call)"


def turns(*texts: str) -> list[Turn]:
    """Return the turns of one request: these texts of the assistant, each answered by the person."""
    found: list[Turn] = []
    for number, text in enumerate(texts):
        if text == CALL:
            call = ToolCall(id=f"c{number}", name="look", arguments={})
            found += [Turn(role="assistant", tool_calls=(call,)), Turn(role="tool", tool_call_id=call.id, name="look")]
        else:
            found += [Turn(role="assistant", content=text), Turn(role="user", content="I don't know.")]
    return found[:-1] if texts and texts[-1] != CALL else found


@pytest.mark.parametrize(
    ("texts", "number"),
    [
        ((), 0),
        ((YEAR,), 1),
        ((YEAR, COLOUR, SIZE), 3),
        ((YEAR, YEAR, YEAR, YEAR), 4),
        ((YEAR, COLOUR, CALL), 0),
        ((YEAR, COLOUR, CALL, SIZE), 1),
        ((YEAR, "The flight leaves at nine.", COLOUR), 1),
        ((YEAR, "Booked. Is there anything else I can help you with?"), 0),
        ((IDENTITY, YEAR, GO_ON), 2),
        ((GO_ON, GO_ON, GO_ON, GO_ON), 3),
    ],
)
def test_questions_in_a_row(texts: tuple[str, ...], number: int) -> None:
    assert clarifications(turns(*texts)) == number


def test_what_shipped_packs_ask_for_stays_within_two() -> None:
    """An assistant may ask who is speaking, for what the request withholds, and whether to go on."""
    asks = set()
    for domain in map(catalog.parse, pack_files.shipped(CATALOG)):
        for seed in range(20):
            try:
                task = sample(domain, mode="missing_parameter", turns=1, seed=seed)
            except Rejected:
                continue
            asks |= {turn.ask for turn in task.turns if turn.ask}
    assert len(asks) > 20
    for ask in asks:
        assert clarifications(turns(ask)) <= 1, ask
        assert clarifications(turns(IDENTITY, ask, GO_ON)) <= 2, ask
