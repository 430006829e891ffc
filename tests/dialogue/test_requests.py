"""Which messages serve which request of a task."""

from __future__ import annotations

import pytest

from engine.dialogue.requests import begins, begun_of, spans
from engine.dialogue.withheld import tells, withheld
from engine.types import Span, Task, Turn
from tests.samples.tasks import balance_task
from tests.samples.trajectories import balance_trajectory
from tests.samples.turns import talk

HELD_BACK = balance_task(mode="missing_parameter", ask="Which account?", hidden="It is A-100.")
SYSTEM = Turn(role="system", content="Policy.")


def dialogue(*texts: str) -> tuple[Turn, ...]:
    return (SYSTEM, *talk(*texts))


@pytest.mark.parametrize(
    ("given", "texts", "begun"),
    [
        (balance_task(), ("What is on them?", "5, 6 and 7.", "And the first?", "5."), (1, 3)),
        (
            balance_task(),
            ("What is on them?", "Which ones do you mean?", "All of them.", "5.", "And the first?"),
            (1, 5),
        ),
        (
            balance_task(),
            ("What is on them?", "Shall I go ahead?", "Yes, please go ahead.", "5.", "The first?"),
            (1, 5),
        ),
        (balance_task(), ("What is on them?", "5. Can I do anything else?", "And the first?", "5."), (1, 3)),
        (balance_task(), ("What is on them?", "Which?", "Hi! And the first once more?", "5."), (1, 3)),
        (balance_task(), ("What is on them?", "5.", "The first?", "5.", "Thanks."), (1, 3)),
        (HELD_BACK, ("What do I have?", "Sorry, no.", "I mean a-100.", "5.", "The first?"), (1, 5)),
        (HELD_BACK, ("What do I have?", "Sorry, no.", "The first?"), (1, 3)),
        (balance_task(), (), ()),
    ],
)
def test_requests_are_told_from_the_texts(given: Task, texts: tuple[str, ...], begun: tuple[int, ...]) -> None:
    assert begun_of(given, dialogue(*texts)) == begun


def test_the_users_word_counts_before_the_texts_around_it() -> None:
    before = dialogue("What is on them?", "5, 6 and 7.")
    assert begins(balance_task(), 1, before, "No, that is wrong.")
    assert not begins(balance_task(), 1, before, "No, that is wrong.", opens=False)
    asked = dialogue("What is on them?", "Which ones?")
    assert begins(balance_task(), 1, asked, "Never mind, and the first?", opens=True)
    assert begins(balance_task(), 1, asked, balance_task().turns[1].say, opens=False)
    assert not begins(HELD_BACK, 1, asked, "It's A-100", opens=True)
    assert not begins(balance_task(), 2, before, "And a third thing.", opens=True)


def test_what_was_recorded_counts_before_the_texts() -> None:
    turns = dialogue("What is on them?", "5.", "No, that is wrong.", "6.", "The first?", "5.")
    told = balance_trajectory(turns)
    assert spans(told) == [Span(1, 3), Span(3, 7)]
    assert spans(told.model_copy(update={"begun": (1, 5)})) == [Span(1, 5), Span(5, 7)]
    assert spans(told.model_copy(update={"begun": (1, 99)})) == [Span(1, 7)]
    assert spans(told.model_copy(update={"task": None})) == []


def test_what_is_withheld_is_what_only_the_hidden_part_tells() -> None:
    turn = HELD_BACK.turns[0]
    assert withheld(turn, turn.say) == ["A-100"]
    assert withheld(turn, "I have a-100 and others.") == []
    assert withheld(turn.model_copy(update={"hidden": None}), "") == []
    assert tells(turn, "It's a-100!")
    assert not tells(turn, "It's A-1000.")
    assert not tells(turn.model_copy(update={"hidden": "The big one."}), "The big one.")
