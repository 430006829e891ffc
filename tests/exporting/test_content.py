"""The content id, and the cached digests of tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from engine.exporting import content
from engine.exporting.content import offered_tools
from engine.exporting.record import tool_of
from engine.types import Tool, ToolCall, Turn
from tests.samples.tools import BANK, SHOP
from tests.samples.turns import NO_TOOL, PARALLEL


def content_id(turns: Sequence[Turn], tools: Sequence[Tool]) -> str:
    return content.content_id(turns, [tool_of(tool) for tool in tools])


def test_content_is_named_by_what_a_model_sees() -> None:
    renamed = tuple(
        turn.model_copy(
            update={
                "tool_calls": tuple(call.model_copy(update={"id": f"x{call.id}"}) for call in turn.tool_calls),
                "tool_call_id": turn.tool_call_id and f"x{turn.tool_call_id}",
                "train": False,
            }
        )
        for turn in PARALLEL
    )
    assert content_id(renamed, SHOP) == content_id(PARALLEL, SHOP)
    assert content_id(PARALLEL, BANK) != content_id(PARALLEL, SHOP)
    swapped = (*PARALLEL[:3], PARALLEL[4], PARALLEL[3], PARALLEL[5])
    assert content_id(swapped, SHOP) != content_id(PARALLEL, SHOP)
    assert content_id(NO_TOOL, SHOP) != content_id(NO_TOOL[:-1], SHOP)


def test_arguments_compare_in_any_key_order_and_of_any_size() -> None:
    def named(arguments: dict[str, Any]) -> str:
        return content_id([Turn(role="assistant", tool_calls=(ToolCall(id="a", name="f", arguments=arguments),))], ())

    assert named({"a": 1, "b": {"c": 2, "d": 3}}) == named({"b": {"d": 3, "c": 2}, "a": 1})
    assert named({"a": 2**70, "b": 1}) == named({"b": 1, "a": 2**70}) != named({"a": 2**71, "b": 1})
    assert named({"a": "\ud800"}) != named({"a": "?"})


def test_the_digest_of_tools_follows_their_text() -> None:
    def tools(parameters: dict[str, Any]) -> list[Tool]:
        return [tool_of(Tool(name="a", description="", parameters=parameters, effect="read"))]

    one, swapped = offered_tools(tools({"a": 1, "b": True})), offered_tools(tools({"b": True, "a": 1}))
    assert (one.digest, offered_tools(tools({"a": 1, "b": True}))) == (swapped.digest, one)
    assert list(json.loads(swapped.text)[0]["function"]["parameters"]) == ["b", "a"]
    assert one.digest != offered_tools(tools({"a": True, "b": 1})).digest
