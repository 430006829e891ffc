"""Chat rows: their shape and every option."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.types import Trajectory, Turn
from tests.exporting.export_steps import exported
from tests.samples.trajectories import mixed_trajectories, proven_trajectory, shop_trajectory
from tests.samples.turns import (
    BROKEN,
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
    talk,
    user_turn,
)


def export(*trajectories: Trajectory, **options: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return exported("chat_jsonl", trajectories, **options)


def messages(turns: tuple[Turn, ...], **options: Any) -> list[dict[str, Any]]:
    rows, _ = export(shop_trajectory(0, turns), **options)
    found: list[dict[str, Any]] = rows[0]["messages"]
    return found


def test_a_row_has_the_columns_that_trainers_read() -> None:
    rows, _ = export(*mixed_trajectories())
    for row in rows:
        assert list(row) == ["messages", "tools", "id", "group_id", "reward", "metadata"]
        assert isinstance(row["tools"], str)
        assert isinstance(row["metadata"], str)
        for message in row["messages"]:
            assert isinstance(message["content"], str)
            for call in message.get("tool_calls", ()):
                assert call["type"] == "function"
                assert isinstance(call["function"]["arguments"], dict)
            if message["role"] == "tool":
                assert message["tool_call_id"]
                assert message["name"]


def test_arguments_keep_their_types_and_nulls() -> None:
    call = messages(NESTED)[2]["tool_calls"][0]["function"]["arguments"]
    assert call == {"id": 12, "value": 20.5, "options": {"tags": ["新", {"deep": [1, 2.0, True]}], "why": "Zoë 🙂"}}
    assert messages(EMPTY)[1]["tool_calls"][0]["function"]["arguments"] == {}
    assert messages(EMPTY)[3]["tool_calls"][0]["function"]["arguments"] == {"value": "5", "note": None}


def test_metadata_tells_where_the_row_comes_from() -> None:
    rows, _ = export(*mixed_trajectories())
    told = [json.loads(row["metadata"]) for row in rows]
    assert {entry["label"] for entry in told} == {"model", "reference"}
    reference = told[-1]
    assert (reference["teacher"], reference["modes"], reference["difficulty"]) == ("reference", ["single"], 0.25)
    assert rows[-1]["group_id"] == "task-a"
    assert told[0]["models"] == {"teacher": "some/model"}
    assert told[0]["scores"][1]["value"] is None
    assert told[5]["corrected"] == 1


def test_tools_as_list() -> None:
    rows, _ = export(proven_trajectory(), tools="list")
    assert rows[0]["tools"] == json.loads(export(proven_trajectory())[0][0]["tools"])


@pytest.mark.parametrize(("options", "key"), [({}, "train"), ({"turn_flag": "none", "loss": "ms_swift"}, "loss")])
def test_a_masked_turn_carries_its_flag(options: dict[str, Any], key: str) -> None:
    flags = [m[key] for m in messages(RECOVERED, **options) if m["role"] == "assistant"]
    assert flags == [False, True, True, True]
    assert all(key not in m for m in messages(RECOVERED, **options) if m["role"] != "assistant")
    assert "train" not in export(shop_trajectory(0, RECOVERED), **options)[1]["lost"]


def test_a_mask_without_a_flag_is_counted_as_lost() -> None:
    rows, report = export(shop_trajectory(0, RECOVERED), turn_flag="none")
    assert not any({"train", "loss"} & set(m) for m in rows[0]["messages"])
    assert report["lost"]["train"] == 1


def test_rows_split_at_masked_turns_train_only_the_rest() -> None:
    rows, report = export(shop_trajectory(0, RECOVERED), split_untrained=True)
    assert len(rows) == report["rows"] == 1
    assert [m["role"] for m in rows[0]["prompt"]] == ["system", "user", "assistant", "tool"]
    assert [m["role"] for m in rows[0]["completion"]] == ["assistant", "tool", "assistant", "tool", "assistant"]


def test_each_stretch_of_trained_turns_is_one_row() -> None:
    turns = (*talk("a", "A", "b"), assistant_turn("B", train=False), *talk("c", "C", "d", "D"))
    rows, report = export(shop_trajectory(0, turns), split_untrained=True)
    assert [[m["content"] for m in row["completion"]] for row in rows] == [["A"], ["C", "d", "D"]]
    assert [len(row["prompt"]) for row in rows] == [1, 5]
    assert (report["exported"], report["rows"]) == (1, 2)
    assert len({row["id"] for row in rows}) == 2
    assert {row["group_id"] for row in rows} == {"rollout0000"}


def test_an_answer_to_nobody_has_no_prompt_and_is_counted() -> None:
    """TRL stops at a prompt without a message, and the whole file with it."""
    turns = (assistant_turn("Hello!"), user_turn("a"), assistant_turn("A"))
    (row,), report = export(shop_trajectory(0, turns), split_untrained=True)
    assert [[m["content"] for m in row[part]] for part in ("prompt", "completion")] == [["Hello!", "a"], ["A"]]
    assert report["lost"] == {"opening_answer": 1}
    rows, report = export(shop_trajectory(0, turns[:1]), split_untrained=True)
    assert (rows, report["dropped"]) == ([], {"no_opening_request": 1})
    assert "opening_answer" not in export(shop_trajectory(0, turns))[1]["lost"]


@pytest.mark.parametrize("key", ["messages", "prompt", "completion"])
def test_arguments_as_text(key: str) -> None:
    options: dict[str, Any] = {"arguments": "string", "split_untrained": key != "messages"}
    (row,), _ = export(shop_trajectory(0, NESTED), **options)
    told = [call["function"]["arguments"] for m in row[key] for call in m.get("tool_calls", ())]
    assert told == ([] if key == "prompt" else [json.dumps(NESTED[2].tool_calls[0].arguments, ensure_ascii=False,
                                                           separators=(",", ":"))])  # fmt: skip
    assert row["id"] == export(shop_trajectory(0, NESTED), **options | {"arguments": "object"})[0][0]["id"]


def test_a_row_may_end_before_a_masked_turn() -> None:
    turns = (*talk("a", "A", "b"), assistant_turn("B", train=False), *talk("c", "C"))
    (row,), report = export(shop_trajectory(0, turns), masked="cut", turn_flag="none")
    assert [m["content"] for m in row["messages"]] == ["a", "A"]
    assert (report["changed"], report["lost"]) == ({"cut_before_masked_turn": 1}, {})
    assert export(shop_trajectory(0, turns[2:]), masked="cut")[1]["dropped"] == {"nothing_to_train": 1}


@pytest.mark.parametrize(
    ("where", "content", "field"),
    [
        ("field", "Done, Zoë 🙂.", "Confirm it."),
        ("think", "<think>\nConfirm it.\n</think>\n\nDone, Zoë 🙂.", None),
        ("drop", "Done, Zoë 🙂.", None),
    ],
)
def test_reasoning(where: str, content: str, field: str | None) -> None:
    last = messages(NESTED, reasoning=where)[-1]
    assert (last["content"], last.get("reasoning_content")) == (content, field)
    assert export(shop_trajectory(0, NESTED), reasoning=where)[1]["lost"].get("reasoning", 0) == (where == "drop")


def test_reasoning_that_would_break_think_tags_is_dropped_and_counted() -> None:
    turns = (user_turn("a"), assistant_turn("A", reasoning="x</think>y"))
    rows, report = export(shop_trajectory(0, turns), reasoning="think")
    assert rows[0]["messages"][1]["content"] == "A"
    assert report["lost"]["reasoning"] == 1


def test_parallel_calls_made_serial() -> None:
    turns = (*PARALLEL[:2], PARALLEL[2].model_copy(update={"content": "Both."}), *PARALLEL[3:])
    found = messages(turns, parallel="serial")
    assert [m["role"] for m in found] == ["system", "user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert [len(m.get("tool_calls", ())) for m in found] == [0, 0, 1, 0, 1, 0, 0]
    assert [m["content"] for m in found][2:5:2] == ["Both.", ""]
    assert [found[2]["tool_calls"][0]["id"], found[3]["tool_call_id"]] == ["c1", "c1"]
    assert export(shop_trajectory(0, turns), parallel="serial")[1]["changed"] == {"parallel_made_serial": 1}
    assert messages(PARALLEL[:3], parallel="serial")[-1]["tool_calls"][0]["id"] == "c1"


def test_the_policy_may_stay_at_home() -> None:
    assert messages(NO_TOOL, system="drop")[0]["role"] == "user"
    assert export(shop_trajectory(0, NO_TOOL), system="drop")[1]["lost"] == {"system": 1}


def test_what_a_correction_replaced_is_not_in_the_row() -> None:
    rows, report = export(shop_trajectory(0, CORRECTED))
    assert "I guess so" not in json.dumps(rows)
    assert report["lost"] == {"original": 1}
    assert report["changed"] == {"cut_to_last_answer": 1}


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (BROKEN, "unparsable_call"),
        ((), "no_assistant_turn"),
        ((SYSTEM, user_turn("a")), "no_assistant_turn"),
        ((user_turn("a"), assistant_turn("A", train=False)), "nothing_to_train"),
        (
            (user_turn("a"), calling_turn(("c", "get_order", {})), user_turn("b"), assistant_turn("B")),
            "call_without_result",
        ),
        ((user_turn("a"), result_turn("c", "get_order", "x"), assistant_turn("B")), "result_without_call"),
        ((user_turn("a"), SYSTEM, assistant_turn("B")), "system_turn_inside"),
        ((user_turn("a"), calling_turn(("c", "get_order", {}), ("c", "get_order", {}))), "repeated_call_id"),
    ],
)
def test_what_can_be_no_row_is_dropped_with_its_reason(turns: tuple[Turn, ...], reason: str) -> None:
    rows, report = export(shop_trajectory(0, turns))
    assert rows == []
    assert report["dropped"] == {reason: 1}


def test_the_same_dialogue_leaves_once() -> None:
    rows, report = export(shop_trajectory(0, PARALLEL), shop_trajectory(1, PARALLEL))
    assert len(rows) == 1
    assert report["dropped"] == {"duplicate": 1}
