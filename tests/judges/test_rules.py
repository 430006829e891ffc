"""What the rules say of how a dialogue ended."""

from __future__ import annotations

import json

import pytest

from engine import plugins
from engine.types import Score, ToolCall, ToolFault, Trajectory, Turn
from tests.samples.trajectories import proven_trajectory


def ended(*turns: Turn) -> Trajectory:
    changes = {"turns": (Turn(role="user", content="Hi."), *turns), "end": "invalid_calls"}
    return proven_trajectory().model_copy(update=changes)


def made(call: ToolCall, error: str, fault: ToolFault | None) -> tuple[Turn, Turn]:
    return (
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", tool_call_id=call.id, name=call.name, content=json.dumps({"error": error}), fault=fault),
    )


async def finished(trajectory: Trajectory) -> Score:
    judge = plugins.load("judges", "rules").usual
    return next(score for score in await judge.score(trajectory) if score.name == "finished")


@pytest.mark.parametrize(
    ("call", "error", "quoted"),
    [
        (
            ToolCall(id="b", name="find", arguments={"id": 7}),
            "Invalid call of find: argument id: 7 is not of type 'string'.",
            "find({\"id\": 7}): Invalid call of find: argument id: 7 is not of type 'string'.",
        ),
        (ToolCall(id="b", name="fly"), "There is no tool fly.", "fly({}): There is no tool fly."),
        (ToolCall(id="b", name="find", raw='{"id": '), "It is no JSON.", 'find({"id": ): It is no JSON.'),
    ],
)
async def test_a_dialogue_that_invalid_calls_ended_quotes_the_first(call: ToolCall, error: str, quoted: str) -> None:
    good = made(ToolCall(id="a", name="find", arguments={"id": "A1"}), "not there", "tool_error")
    last = made(ToolCall(id="c", name="other"), "Something else.", "unknown_tool")
    score = await finished(ended(*good, *made(call, error, "invalid_arguments"), *last))
    assert score.reason == f"The dialogue ended by invalid calls. The first was {quoted}"


async def test_long_arguments_and_long_refusals_are_cut() -> None:
    call = ToolCall(id="b", name="find", arguments={"id": "x" * 5000})
    reason = (await finished(ended(*made(call, "y" * 5000, "invalid_arguments")))).reason
    assert 400 < len(reason) < 520
    assert "xxx…): yyy" in reason


async def test_what_cannot_be_found_is_not_quoted() -> None:
    stray = Turn(role="tool", tool_call_id="none", content="no JSON", fault="unknown_tool")
    assert (await finished(ended(stray, Turn(role="assistant")))).reason == "The dialogue ended by invalid calls."


async def test_a_dialogue_without_a_successful_call_fails_where_one_is_required() -> None:
    plugin = plugins.load("judges", "rules")
    call = ToolCall(id="b", name="find", arguments={"id": "7"})
    refused = ended(*made(call, "It is gone.", "tool_error"), Turn(role="assistant", content="I cannot."))
    (score,) = [
        one
        for one in await plugin.make(plugin.config(require_tool_calls=True)).score(refused)
        if one.name == "called_tools"
    ]
    assert (score.value, score.passed) == (0.0, False)
    assert plugin.make.reason(score, refused) == "no_tool_call"
    assert "called_tools" not in {one.name for one in await plugin.usual.score(refused)}
