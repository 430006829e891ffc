"""Sharegpt rows, held against the rules of the consumer's loader by a validator of our own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from engine import plugins
from engine.types import Trajectory, Turn
from tests.exporting.export_steps import exported
from tests.samples.trajectories import hostile_trajectories, mixed_trajectories, shop_trajectory
from tests.samples.turns import (
    CORRECTED,
    EMPTY,
    NESTED,
    NO_TOOL,
    PARALLEL,
    RECOVERED,
    SYSTEM,
    assistant_turn,
    calling_turn,
    result_turn,
    user_turn,
)

THOUGHT = re.compile(r"<think>(.*?)</think>", re.DOTALL)


def export(*trajectories: Trajectory, **options: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return exported("llamafactory", trajectories, **options)


def said(turns: tuple[Turn, ...], **options: Any) -> list[tuple[str, str]]:
    rows, _ = export(shop_trajectory(0, turns), **options)
    return [(entry["from"], entry["value"]) for entry in rows[0]["conversations"]]


def accepts(row: dict[str, Any], info: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the calls per function_call turn, read as the loader does: places alternate, the number of turns is
    even, a function_call is JSON once its first thought is cut out. Raises AssertionError where the row would be
    skipped or misread."""
    columns, tags = info["columns"], info["tags"]
    odd, even = {tags["user_tag"], tags["observation_tag"]}, {tags["assistant_tag"], tags["function_tag"]}
    found = []
    turns = row[columns["messages"]]
    assert turns
    assert len(turns) % 2 == 0
    for place, turn in enumerate(turns):
        role, value = turn[tags["role_tag"]], turn[tags["content_tag"]]
        assert role in (even if place % 2 else odd), (place, role)
        assert isinstance(value, str)
        if role == tags["function_tag"]:
            read = json.loads(THOUGHT.sub("", value, count=1))
            read = read if isinstance(read, list) else [read]
            assert all(isinstance(call["arguments"], dict) and call["name"] for call in read)
            found.append(read)
    assert isinstance(row[columns["system"]], str)
    tools = row[columns["tools"]]
    assert tools == "" or json.loads(tools)
    return found


def info() -> dict[str, Any]:
    writer = plugins.load("exporters", "llamafactory")
    files = writer.make(writer.config()).extra_files({"train": "train.jsonl", "test": "test.jsonl"})
    entries: dict[str, Any] = json.loads(files["dataset_info.json"])
    assert {name: entry["file_name"] for name, entry in entries.items()} == {
        "turnwright_train": "train.jsonl",
        "turnwright_test": "test.jsonl",
    }
    assert entries["turnwright_train"]["formatting"] == "sharegpt"
    entry: dict[str, Any] = entries["turnwright_train"]
    return entry


@pytest.mark.parametrize("options", [{}, {"beside_call": "think"}, {"masked": "train"}, {"reasoning": "drop"}])
@pytest.mark.parametrize("given", [mixed_trajectories, hostile_trajectories])
def test_every_row_is_accepted(given: Any, options: dict[str, Any]) -> None:
    rows, _ = export(*given(), **options)
    assert len(rows) >= 4
    for row in rows:
        accepts(row, info())


def test_calls_arrive_as_they_were_made() -> None:
    rows, _ = export(*hostile_trajectories()[:1], shop_trajectory(1, NESTED))
    text = "<think>\nnot a thought\n</think>\n\nanswer"
    assert accepts(rows[0], info()) == [
        [{"name": "get_order", "arguments": {"id": text, "<think>": "</think>", "big": 2**70}}]
    ]
    assert accepts(rows[1], info())[0][0]["arguments"]["value"] == 20.5


def test_parallel_results_are_joined_in_the_order_of_the_calls() -> None:
    joined = '{"price": 20.5}\n</tool_response>\n<tool_response>\n{"price": 21}'
    assert said(PARALLEL)[2] == ("observation", joined)
    swapped = (*PARALLEL[:3], PARALLEL[4], PARALLEL[3], PARALLEL[5])
    assert said(swapped)[2] == ("observation", joined)


def test_system_and_tools_stand_beside() -> None:
    rows, _ = export(shop_trajectory(0, NO_TOOL), shop_trajectory(1, (user_turn("a"), assistant_turn("A")), ()))
    assert rows[0]["system"] == SYSTEM.content
    assert json.loads(rows[0]["tools"])[0]["function"]["name"] == "get_order"
    assert (rows[1]["system"], rows[1]["tools"]) == ("", "")


def test_user_turns_in_a_row_are_merged() -> None:
    assert said(NO_TOOL)[0] == ("human", "Hello\n\nDo you ship abroad?")
    assert export(shop_trajectory(0, NO_TOOL))[1]["changed"] == {"user_turns_merged": 1}


def test_rows_end_on_an_answer() -> None:
    assert said(CORRECTED)[-1] == ("gpt", "Yes, it is.")
    assert said(PARALLEL[:5])[-1][0] == "function_call"


def test_text_beside_a_call_is_dropped_and_counted_or_becomes_a_thought() -> None:
    assert said(EMPTY)[1][1] == '{"name":"get_balance","arguments":{}}'
    assert export(shop_trajectory(0, EMPTY))[1]["lost"] == {"text_beside_call": 1}
    value = said(EMPTY, beside_call="think")[1][1]
    assert value == '<think>\nLet me look.\n</think>\n\n{"name":"get_balance","arguments":{}}'
    assert export(shop_trajectory(0, EMPTY), beside_call="think")[1]["lost"] == {}


def test_reasoning_stands_in_think_tags() -> None:
    assert said(NESTED)[-1][1] == "<think>\nConfirm it.\n</think>\n\nDone, Zoë 🙂."
    assert said(NESTED)[1][1].startswith("<think>\nThe user gave all values.\n</think>\n\n{")
    assert "think" not in json.dumps(export(shop_trajectory(0, NESTED), reasoning="drop")[0][0]["conversations"])


def test_a_row_ends_before_the_first_masked_turn() -> None:
    _, report = export(shop_trajectory(0, RECOVERED))
    assert report["dropped"] == {"nothing_to_train": 1}
    masked = (*PARALLEL[:5], PARALLEL[5].model_copy(update={"train": False}))
    rows, report = export(shop_trajectory(0, masked))
    assert [entry["from"] for entry in rows[0]["conversations"]] == ["human", "function_call"]
    assert report["changed"]["cut_before_masked_turn"] == 1
    rows, report = export(shop_trajectory(0, masked), masked="train")
    assert len(rows[0]["conversations"]) == 4
    assert report["lost"]["train"] == 1


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ((assistant_turn("first"),), "no_opening_request"),
        ((user_turn("a"), assistant_turn("A"), assistant_turn("B")), "two_answers_in_a_row"),
        (hostile_trajectories()[-1].turns, "separator_in_result"),
        ((user_turn("a"),), "nothing_to_train"),
        ((user_turn("a"), calling_turn(("c", "f", {})), user_turn("b"), assistant_turn("B")), "call_without_result"),
        ((user_turn("a"), result_turn("c", "f", "x"), assistant_turn("B")), "result_without_call"),
    ],
)
def test_what_has_no_form_is_dropped_with_its_reason(turns: tuple[Turn, ...], reason: str) -> None:
    if reason == "separator_in_result":
        between = "\n</tool_response>\n<tool_response>\n"
        assert any(between in turn.content for turn in turns)
    rows, report = export(shop_trajectory(0, turns))
    assert rows == []
    assert report["dropped"] == {reason: 1}
