"""Labels of answers, and the subsets that a dialogue belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dialogue.subsets import subsets, turn_labels
from engine.exporting.record import record_of
from engine.types import SUBSETS, USER_CALLS, Attachment, Tool, Turn
from storage.columns import bits
from tests.samples.trajectories import mixed_trajectories, shop_trajectory
from tests.samples.turns import assistant_turn, calling_turn, result_turn, user_turn

LOOK = Tool(name="look", description="", parameters={}, effect="read")
WRITE = Tool(name="write", description="", parameters={}, effect="write")
TOOLS = (LOOK, WRITE)
ASK, DONE = user_turn("Change it."), assistant_turn("It is done.")
LOOKED, WROTE = calling_turn(("a", "look", {})), calling_turn(("b", "write", {}))
SEEN, WRITTEN = result_turn("a", "look", "1"), result_turn("b", "write", "ok")
FAILED = result_turn("b", "write", "no", fault="tool_error")


def test_each_answer_has_the_label_of_what_it_calls() -> None:
    both = calling_turn(("a", "look", {}), ("b", "write", {}))
    unknown = calling_turn(("c", "no_such_tool", {}))
    turns = (ASK, LOOKED, SEEN, WROTE, WRITTEN, both, SEEN, WRITTEN, unknown, DONE)
    assert turn_labels(turns, TOOLS) == ["lookup", "modification", "modification", "lookup", "no_call"]


CASES: dict[str, tuple[tuple[Turn, ...], set[str]]] = {
    "said": ((ASK, DONE), {"single_turn", "no_tool_use"}),
    "looked": ((ASK, LOOKED, SEEN, DONE), {"single_turn", "tool_use", "lookup_only"}),
    "wrote in steps": (
        (ASK, LOOKED, SEEN, WROTE, WRITTEN, DONE),
        {"single_turn", "tool_use", "modification", "multi_step"},
    ),
    "two requests of one step each": (
        (ASK, LOOKED, SEEN, DONE, ASK, LOOKED, SEEN, DONE),
        {"multi_turn", "tool_use", "lookup_only"},
    ),
    "parallel": (
        (ASK, calling_turn(("a", "look", {}), ("b", "look", {})), SEEN, result_turn("b", "look", "2"), DONE),
        {"single_turn", "tool_use", "lookup_only", "parallel_calls"},
    ),
    "failed": ((ASK, WROTE, FAILED, DONE), {"single_turn", "tool_use", "modification"}),
    "failed and did it": (
        (ASK, WROTE, FAILED, WROTE, WRITTEN, DONE),
        {"single_turn", "tool_use", "modification", "multi_step", "error_recovery"},
    ),
    "did it and failed": (
        (ASK, WROTE, WRITTEN, WROTE, FAILED, DONE),
        {"single_turn", "tool_use", "modification", "multi_step"},
    ),
    "asked back": (
        (ASK, assistant_turn("Which order is it?"), user_turn("#W1"), DONE),
        {"multi_turn", "no_tool_use", "clarification"},
    ),
    "offered more": (
        (ASK, assistant_turn("Done. Can I help you with anything else?"), user_turn("No."), DONE),
        {"multi_turn", "no_tool_use"},
    ),
    "thought": ((ASK, assistant_turn("Yes.", reasoning="Hm.")), {"single_turn", "no_tool_use", "reasoning"}),
    "nothing": ((), {"no_tool_use"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_dialogue_belongs_to_the_subsets_that_it_shows(case: str) -> None:
    turns, wanted = CASES[case]
    found = subsets(turns, TOOLS, ())
    assert set(found) == wanted
    assert found == [name for name in SUBSETS if name in wanted]


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"tools": (LOOK.model_copy(update={"source": "mcp"}),)}, "mcp"),
        ({"tools": (LOOK.model_copy(update={"distractor": True}),)}, "distractors"),
        ({"attachments": (Attachment(turn=0, kind=USER_CALLS, value=[]),)}, "user_tools"),
    ],
)
def test_what_is_beside_the_turns_counts_too(more: dict[str, Any], wanted: str) -> None:
    given = {"tools": TOOLS, "attachments": ()} | more
    assert wanted in subsets((ASK, DONE), **given)
    assert wanted not in subsets((ASK, DONE), TOOLS, ())


def test_a_record_of_an_export_is_labelled_like_its_trajectory() -> None:
    for trajectory in (*mixed_trajectories(), shop_trajectory(0, (ASK, WROTE, WRITTEN, DONE))):
        record = record_of(trajectory)
        assert turn_labels(record.turns, record.tools) == turn_labels(trajectory.turns, trajectory.tools)
        assert subsets(record.turns, record.tools, record.attachments) == subsets(
            trajectory.turns, trajectory.tools, trajectory.attachments
        )


def test_stored_bits_never_move() -> None:
    """A stored row keeps its number, so the first names must stay where they are."""
    assert bits(["single_turn"]) == 1
    assert bits(["multi_turn", "tool_use"]) == 6
    assert bits(["distractors"]) == 1 << 13
    assert bits(SUBSETS) < 1 << 31
