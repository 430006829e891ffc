"""LLaMA-Factory: roles alternate, a side of a preference is one message, dataset_info.json names the columns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine import plugins
from engine.exporting.target import find
from tests.samples.trajectories import attempts, shop_trajectory
from tests.samples.turns import NO_TOOL, PARALLEL, assistant_turn, talk, user_turn
from tests.targets.rows import lines, rows, tried

FORMS = ("llamafactory", "llamafactory/openai", "llamafactory/alpaca", "llamafactory/ranking", "llamafactory/kto")


def described(name: str) -> dict[str, Any]:
    """Return what dataset_info.json says of a form."""
    target = find(name)
    config = plugins.configure("exporters", target.format, {key: one[0] for key, one in target.options.items()})
    files = plugins.load("exporters", target.format).make(config).extra_files({"train": "train.jsonl"})
    found: dict[str, Any] = json.loads(files["dataset_info.json"])["turnwright_train"]
    return found


@pytest.mark.parametrize("name", FORMS)
def test_each_column_that_dataset_info_names_is_in_every_row(name: str) -> None:
    found = rows(name)
    assert found
    for row in found:
        assert set(described(name)["columns"].values()) <= set(row)
        assert isinstance(row["tools"], str)
        assert isinstance(row["system"], str)


def test_messages_alternate_once_results_are_joined_and_hold_no_tool_calls() -> None:
    tags = described("llamafactory/openai")["tags"]
    asking, answering = (tags["user_tag"], tags["observation_tag"]), (tags["assistant_tag"], tags["function_tag"])
    for row in rows("llamafactory/openai"):
        sides: list[str] = []
        for one in row["messages"]:
            assert set(one) == {"role", "content"}
            if one["role"] != "tool" or sides[-1:] != ["tool"]:
                sides.append(one["role"])
        assert len(sides) % 2 == 0
        assert all(side in (answering if n % 2 else asking) for n, side in enumerate(sides))
        for one in row["messages"]:
            if one["role"] == "function_call":
                calls = json.loads(one["content"].rpartition("</think>\n\n")[2])
                assert all(
                    set(call) == {"name", "arguments"} for call in (calls if isinstance(calls, list) else [calls])
                )
        assert row["tools"], "an empty text would add words to the policy"


def test_alpaca_holds_dialogues_without_calls_and_names_the_others() -> None:
    found, report = lines("llamafactory/alpaca", [shop_trajectory(0, NO_TOOL), shop_trajectory(1, PARALLEL)])
    assert report["dropped"] == {"calls_without_a_form": 1}
    row = json.loads(found[0])
    assert (row["instruction"], row["output"]) == (NO_TOOL[1].content + "\n\n" + NO_TOOL[2].content, NO_TOOL[3].content)
    (longer,) = rows("llamafactory/alpaca", [shop_trajectory(0, talk("a", "b", "c", "d"))])
    assert (longer["history"], longer["instruction"], longer["output"]) == ([["a", "b"]], "c", "d")


def test_a_ranking_is_a_dialogue_and_one_message_a_side() -> None:
    assert described("llamafactory/ranking")["ranking"] is True
    found, report = lines("llamafactory/ranking", tried())
    assert report["changed"]["cut_to_one_message"] == 3
    for row in map(json.loads, found):
        assert row["conversations"][-1]["from"] in ("human", "observation")
        assert len(row["conversations"]) % 2 == 1
        assert {row[side]["from"] for side in ("chosen", "rejected")} <= {"gpt", "function_call"}
        assert row["chosen"] != row["rejected"]


def test_kto_ends_on_an_answer_that_is_not_empty() -> None:
    asked = (user_turn("x"),)
    given = attempts(
        "t", 0, (*asked, assistant_turn("good")), (*asked, assistant_turn("bad")), (*asked, assistant_turn(""))
    )
    found, report = lines("llamafactory/kto", given)
    assert [(row["conversations"][-1]["value"], row["label"]) for row in map(json.loads, found)] == [
        ("good", True), ("bad", False),
    ]  # fmt: skip
    assert report["dropped"] == {"empty_answer": 1}, "an empty text means the other label"
