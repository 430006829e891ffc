"""The reference teacher, driven by hand: what it says follows from the turns alone."""

from __future__ import annotations

from typing import Any

from engine import plugins
from engine.protocols import Teacher
from engine.types import Task, ToolFault, Turn
from tests.samples.personas import ADA
from tests.samples.tasks import balance_proof, balance_task


def teacher(given: Task) -> Teacher:
    plugin = plugins.load("teachers", "reference")
    made: Teacher = plugin.make(plugin.config(), llm=None, task=given, proof=balance_proof(), persona=ADA, seed=0)
    return made


async def play(given: Task, users: list[str], faults: dict[str, ToolFault] | None = None) -> list[Turn]:
    """Let the teacher answer every user text; `faults` gives the fault of a result by call id. A new teacher is
    made for every reply, so nothing can be remembered."""
    turns = [Turn(role="system", content="Policy.")]
    for said in users:
        turns.append(Turn(role="user", content=said))
        for _ in range(10):
            turns.append((await teacher(given).reply(turns, given.tools)).turn)
            if not turns[-1].tool_calls:
                break
            for call in turns[-1].tool_calls:
                fault = (faults or {}).get(call.id)
                turns.append(Turn(role="tool", tool_call_id=call.id, name=call.name, content="{}", fault=fault))
    return turns


def outline(turns: list[Turn]) -> list[Any]:
    """Return assistant turns only: a text, or the calls as (id, account)."""
    return [
        [(call.id, call.arguments["account_id"]) for call in turn.tool_calls] or turn.content
        for turn in turns
        if turn.role == "assistant"
    ]


async def test_it_plays_groups_then_the_answer_turn_by_turn() -> None:
    assert outline(await play(balance_task(), ["x", "y"])) == [
        [("call_0", "0"), ("call_1", "1")],
        [("call_2", "2")],
        "They hold 5, 6 and 7.",
        [("call_3", "3")],
        "It holds 5.",
    ]


async def test_a_missing_parameter_is_asked_for_first() -> None:
    given = balance_task(mode="missing_parameter", ask="Which account?", hidden="It is A-100.")
    assert outline(await play(given, ["x", "It is A-100.", "y"]))[:3] == [
        "Which account?",
        [("call_0", "0"), ("call_1", "1")],
        [("call_2", "2")],
    ]
    assert outline(await play(given, ["x", "z", "y"]))[-1] == "It holds 5."


async def test_an_injected_fault_is_repeated_and_nothing_else() -> None:
    turns = await play(balance_task(mode="tool_error", fault=1), ["x"], {"call_1": "injected"})
    assert outline(turns) == [
        [("call_0", "0"), ("call_1", "1")],
        [("call_2", "1")],
        [("call_3", "2")],
        "They hold 5, 6 and 7.",
    ]


async def test_other_faults_are_left_as_they_are() -> None:
    turns = await play(balance_task(), ["x"], {"call_0": "tool_error"})
    assert outline(turns)[1] == [("call_2", "2")]


async def test_a_turn_without_a_chain_is_only_answered() -> None:
    bare = balance_proof().turns[1].model_copy(update={"calls": ()})
    plugin = plugins.load("teachers", "reference")
    given = balance_task()
    made = plugin.make(
        plugin.config(),
        llm=None,
        task=given,
        proof=balance_proof().model_copy(update={"turns": (bare, bare)}),
        persona=ADA,
        seed=0,
    )
    reply = await made.reply([Turn(role="user", content="x")], ())
    assert reply.turn == Turn(role="assistant", content="It holds 5.")
    assert made.calls == []


async def test_after_the_last_request_it_is_polite_and_calls_nothing() -> None:
    last = (await play(balance_task(), ["x", "y", "thanks"]))[-1]
    assert last.content.startswith("You're welcome")
    assert not last.tool_calls
