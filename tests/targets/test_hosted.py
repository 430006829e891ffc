"""Rows for hosted services fit the types that the services publish, and Mistral's own code takes them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from engine.types import Tool
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import EMPTY, NESTED, PARALLEL, assistant_turn, calling_turn, result_turn, user_turn
from tests.targets.rows import lines, rows
from tests.targets.typed import misfits

SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
ODD = (Tool(name="orders.get one", description="", parameters={"type": "object", "properties": {}}, effect="read"),)
"""Tools with a name that no hosted service takes."""
ODD_TALK = (
    user_turn("x"),
    calling_turn(("id with spaces!", "orders.get one", {})),
    result_turn("id with spaces!", "orders.get one", "y", fault="tool_error"),
    assistant_turn("z"),
)


def chat_types() -> tuple[Any, Any]:
    chat = pytest.importorskip("openai.types.chat")
    return chat.ChatCompletionMessageParam, chat.ChatCompletionFunctionToolParam


def test_openai_rows_fit_the_types_of_its_client() -> None:
    message, tool = chat_types()
    found = rows("openai")
    assert len(found) >= 9
    for row in found:
        assert set(row) <= {"messages", "tools", "parallel_tool_calls"}
        assert ("tools" in row) == ("parallel_tool_calls" in row)
        for one in row["messages"]:
            assert misfits(one, message, besides=["weight"] if one["role"] == "assistant" else ()) == []
            assert all(isinstance(json.loads(c["function"]["arguments"]), dict) for c in one.get("tool_calls", ()))
        assert [one for each in row.get("tools", ()) for one in misfits(each, tool)] == []


def test_openai_rows_say_what_is_trained_and_whether_calls_are_parallel() -> None:
    found = rows("openai")
    weights = [one["weight"] for one in found[0]["messages"] if one["role"] == "assistant"]
    assert weights == [1, 0], "the last answer was rejected"
    assert [row["parallel_tool_calls"] for row in found[:2]] == [True, False]
    assert found[0]["messages"][2]["content"] is None


def test_what_openai_has_no_place_for_is_counted() -> None:
    report = lines("openai", [shop_trajectory(0, NESTED), shop_trajectory(1, EMPTY)])[1]
    assert report["lost"] == {"reasoning": 1}
    report = lines("mistral", [shop_trajectory(0, NESTED), shop_trajectory(1, EMPTY)])[1]
    assert report["lost"] == {"reasoning": 1, "text_beside_call": 1}


@pytest.mark.parametrize("name", ["openai", "mistral", "anthropic"])
def test_names_and_ids_that_a_service_refuses_are_changed_alike_everywhere(name: str) -> None:
    found, report = lines(name, [shop_trajectory(0, ODD_TALK, ODD)])
    assert "tools_renamed" in report["changed"]
    text = b"".join(found).decode()
    assert "orders.get one" not in text
    assert text.count("orders_get_one") == (3 if name == "mistral" else 2)
    assert name == "openai" or "id with spaces!" not in text


def test_different_names_stay_different() -> None:
    tools = tuple(ODD[0].model_copy(update={"name": name}) for name in ("a.b", "a b", "a_b", "x" * 70, "x" * 65))
    (row,) = rows("openai", [shop_trajectory(0, (user_turn("x"), assistant_turn("y")), tools)])
    named = [tool["function"]["name"] for tool in row["tools"]]
    assert named == ["a_b_2", "a_b_3", "a_b", "x" * 64, "x" * 62 + "_2"]
    assert all(map(SAFE.fullmatch, named))


# ---------------------------------------------------------------- Mistral


def test_mistrals_own_code_takes_every_row() -> None:
    messages = pytest.importorskip("mistral_common.protocol.instruct.messages")
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    from mistral_common.protocol.instruct.validator import MistralRequestValidatorV3, ValidationMode

    class Request(ChatCompletionRequest):  # as its fine-tuning reads a line: an answer has a weight
        messages: list[
            messages.FinetuningAssistantMessage | messages.UserMessage | messages.SystemMessage | messages.ToolMessage
        ]

    found = rows("mistral")
    assert len(found) >= 9
    for row in found:
        read = Request.model_validate(row)
        MistralRequestValidatorV3(ValidationMode.finetuning).validate_request(read)
        answers = [one for one in read.messages if one.role == "assistant"]
        assert [one.weight for one in answers] == [m["weight"] for m in row["messages"] if m["role"] == "assistant"]


def test_mistral_gets_ids_of_nine_in_pairs() -> None:
    (row,) = rows("mistral", [shop_trajectory(0, PARALLEL)])
    made = [call["id"] for one in row["messages"] for call in one.get("tool_calls", ())]
    assert made == ["call00000", "call00001"]
    assert [one["tool_call_id"] for one in row["messages"] if one["role"] == "tool"] == made


def test_an_answer_without_anything_has_no_form_at_mistral() -> None:
    talk = (user_turn("x"), assistant_turn(""), user_turn("y"), assistant_turn("z"))
    assert lines("mistral", [shop_trajectory(0, talk)])[1]["dropped"] == {"empty_answer": 1}


# ---------------------------------------------------------------- Anthropic


def test_anthropic_rows_fit_the_types_of_its_client() -> None:
    types = pytest.importorskip("anthropic.types")
    found = rows("anthropic")
    assert len(found) >= 9
    for row in found:
        assert set(row) <= {"system", "messages", "tools"}
        assert [one for each in row["messages"] for one in misfits(each, types.MessageParam)] == []
        assert [one for each in row["tools"] for one in misfits(each, types.ToolParam)] == []


def test_anthropic_sides_alternate_and_results_open_the_next_message() -> None:
    for row in rows("anthropic"):
        sides = [one["role"] for one in row["messages"]]
        assert sides == ["user", "assistant"] * (len(sides) // 2)
        asked: set[str] = set()
        for one in row["messages"]:
            kinds = [block["type"] for block in one["content"]]
            assert kinds
            assert "tool_result" not in kinds[kinds.count("tool_result") :]
            assert all(block["text"].strip() for block in one["content"] if block["type"] == "text")
            assert {b["tool_use_id"] for b in one["content"] if b["type"] == "tool_result"} == asked
            asked = {block["id"] for block in one["content"] if block["type"] == "tool_use"}


def test_a_failed_result_is_marked_for_anthropic() -> None:
    (row,) = rows("anthropic", [shop_trajectory(0, ODD_TALK, ODD)])
    assert row["messages"][2]["content"][0]["is_error"] is True
