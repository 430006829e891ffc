"""The reference user: its texts, what it withholds, and when it ends the dialogue."""

from __future__ import annotations

from typing import Any

import pytest

from engine import plugins
from engine.dialogue.phrases import with_closing, with_opening
from engine.dialogue.questions import asks, wants_confirmation
from engine.protocols import User
from engine.types import Persona, Task, Turn
from engine.users.reference import CONFIRMATION, UNKNOWN
from tests.samples.personas import ADA
from tests.samples.tasks import balance_proof, balance_task

HELD_BACK = balance_task(mode="missing_parameter", ask="Which account?", hidden="It is A-100.")


def user(given: Task, persona: Persona = ADA, seed: int = 0) -> User:
    plugin = plugins.load("users", "reference")
    made: User = plugin.make(plugin.config(), llm=None, task=given, proof=balance_proof(), persona=persona, seed=seed)
    return made


async def talk(given: Task, answers: list[str], **more: Any) -> list[str]:
    """Return what a user says to these answers, each time a new user, up to its end."""
    turns = [Turn(role="system", content="Policy.")]
    said: list[str] = []
    for answer in [*answers, ""]:
        reply = await user(given, **more).reply(turns)
        if reply is None:
            break
        said.append(reply.turn.content)
        turns += [reply.turn, Turn(role="assistant", content=answer)]
    return said


async def test_requests_in_order_then_the_end() -> None:
    assert await talk(balance_task(), ["They hold 5, 6 and 7.", "It holds 5.", "more"]) == [
        "Ada here. What is on my accounts?",
        "And the first once more?",
    ]


@pytest.mark.parametrize("question", ["Which account is it?", "Please provide the account id.", "I need your id."])
async def test_what_is_held_back_is_told_when_asked(question: str) -> None:
    said = await talk(HELD_BACK, [question, "They hold 5, 6 and 7.", "It holds 5."])
    assert said == [HELD_BACK.turns[0].say, "It is A-100.", "And the first once more?"]


async def test_what_nobody_asks_for_is_never_told() -> None:
    assert await talk(HELD_BACK, ["I cannot do that.", "It holds 5."]) == [t.say for t in HELD_BACK.turns]


async def test_a_question_for_something_else_is_turned_down_once() -> None:
    said = await talk(HELD_BACK, ["What is your shoe size?", "Which nest egg, then?", "They hold 5, 6 and 7.", "5."])
    assert said == [HELD_BACK.turns[0].say, UNKNOWN, "It is A-100.", "And the first once more?"]
    said = await talk(HELD_BACK, ["What is your shoe size?", "Then I cannot help.", "5."])
    assert said == [HELD_BACK.turns[0].say, UNKNOWN, "And the first once more?"]


async def test_who_is_asked_for_a_yes_does_not_tell_more() -> None:
    said = await talk(HELD_BACK, ["Shall I go ahead?", "Which account?", "5.", "5."])
    assert said == [HELD_BACK.turns[0].say, CONFIRMATION, "It is A-100.", "And the first once more?"]


async def test_it_is_told_once_only() -> None:
    said = await talk(HELD_BACK, ["Which account?", "Which account?", "Which account?"])
    assert said.count("It is A-100.") == 1


async def test_a_confirmation_is_given_once_a_request() -> None:
    said = await talk(balance_task(), ["Shall I go ahead?", "Should I really?", "Done.", "Done."])
    assert said == [balance_task().turns[0].say, "Yes, please go ahead.", balance_task().turns[1].say]


async def test_the_reference_answer_is_never_taken_for_a_question() -> None:
    given = balance_task()
    proven = balance_proof()
    ending = proven.turns[0].model_copy(update={"answer": "Done. Would you like me to do more?"})
    plugin = plugins.load("users", "reference")
    made = plugin.make(
        plugin.config(),
        llm=None,
        task=given,
        proof=proven.model_copy(update={"turns": (ending, proven.turns[1])}),
        persona=ADA,
        seed=0,
    )
    turns = [Turn(role="user", content=given.turns[0].say), Turn(role="assistant", content=ending.answer)]
    reply = await made.reply(turns)
    assert reply is not None
    assert reply.turn.content == given.turns[1].say


async def test_the_seed_picks_the_personas_phrases() -> None:
    persona = ADA.model_copy(update={"openings": ("Hi!", "Hello there.", "Good day,"), "closings": ("Thanks!",)})
    first = {(await talk(balance_task(), ["a"], persona=persona, seed=seed))[0] for seed in range(20)}
    assert first == {f"{opening} Ada here. What is on my accounts?" for opening in persona.openings}
    last = {(await talk(balance_task(), ["a", "b"], persona=persona, seed=seed))[1] for seed in range(20)}
    assert last == {"And the first once more?", "And the first once more? Thanks!"}
    assert await talk(balance_task(), ["a"], persona=persona, seed=3) == await talk(
        balance_task(), ["a"], persona=persona, seed=3
    )


def test_what_counts_as_asking() -> None:
    assert asks('"Which one?"')
    assert not asks("It is done. Anything else is up to you.")
    assert not asks("It holds 5. Is there anything else I can help you with?")
    assert not asks("Done. Let me know if you need more help.")
    assert asks("Is there anything else? And which account is it?")
    assert asks("I can help you with that, which account is it?")
    assert asks("Gladly. Your account id, please.")
    assert not asks("One moment, please.")
    assert asks("I'll do that as soon as I have the id.")
    assert not asks("I'll do that as soon as it is possible.")
    assert wants_confirmation("Would you like me to cancel it?")
    assert not wants_confirmation("It is cancelled.")
    assert not wants_confirmation("It is cancelled. Would you like me to do anything else?")


@pytest.mark.parametrize(
    ("opening", "request_", "whole"),
    [
        ("Morning,", "Which holds more?", "Morning, which holds more?"),
        ("Morning,", "Ada here.", "Morning, Ada here."),
        ("Hi!", "Which holds more?", "Hi! Which holds more?"),
        ("Hi!", "Good morning, which holds more?", "Good morning, which holds more?"),
        ("", "Which?", "Which?"),
    ],
)
def test_openings_read_as_one_message(opening: str, request_: str, whole: str) -> None:
    assert with_opening(opening, request_) == whole


def test_closings_read_as_one_message() -> None:
    assert with_closing("balance A-1 pls", "Thanks a million!") == "balance A-1 pls. Thanks a million!"
    assert with_closing("What is left?", "thx") == "What is left? thx"
    assert with_closing("What is left? Thanks!", "thx") == "What is left? Thanks!"
