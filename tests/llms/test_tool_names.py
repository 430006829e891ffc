"""Names of tools that providers refuse go out under safe ones and come back under their own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web

from engine.errors import ModelError
from engine.llms._tool_names import _safe_names, tool_names
from engine.running.models import open_llm
from engine.types import Endpoint, Tool, ToolCall, Turn
from tests.llms.server import Server, serving

USER = Turn(role="user", content="Where is my order?")
TAKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
ODD = ("orders.find", "orders find", "orders/find", "погода", "weather 🌦", "x" * 80, "3d_render", "-", "größe", "", "é")


def tool(name: str) -> Tool:
    found: dict[str, Any] = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    return Tool(name=name, description="Find it.", parameters=found, effect="read")


class Strict(Server):
    """Answers 400 as OpenAI does to a name that does not fit its pattern, anywhere in the request."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        names = [one["function"]["name"] for one in body.get("tools", ())]
        for message in body["messages"]:
            names += [call["function"]["name"] for call in message.get("tool_calls", ())]
            names += [message["name"]] if "name" in message else []
        if all(TAKEN.fullmatch(name) for name in names):
            return await super().answer(request)
        said = "Invalid 'tools[0].function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        return web.json_response({"error": {"message": said, "code": "invalid_value"}}, status=400)


def test_safe_names_fit_and_differ_and_stay_the_same() -> None:
    names = (*ODD, "orders_find", "tool")
    safe = _safe_names(names)
    assert set(safe) == set(ODD)
    assert all(TAKEN.fullmatch(name) for name in safe.values())
    assert len({*safe.values(), "orders_find", "tool"}) == len(names)
    _safe_names.cache_clear()
    assert _safe_names(names) == safe


def test_a_safe_name_can_be_read() -> None:
    safe = _safe_names(("orders.find", "größe", "3d render"))
    assert (safe["orders.find"], safe["3d render"]) == ("orders_find", "_3d_render")
    assert re.fullmatch(r"tool_[0-9a-f]{8}", safe["größe"])


def test_more_names_later_change_none_of_the_earlier_ones() -> None:
    few = _safe_names(("a.b", "a b"))
    assert {name: _safe_names(("a.b", "a b", "a/b"))[name] for name in few} == few


def test_names_that_fit_cost_nothing() -> None:
    call = Turn(role="assistant", tool_calls=(ToolCall(id="c", name="orders_find"),))
    result = Turn(role="tool", tool_call_id="c", name="orders_find")
    assert tool_names([USER, call, result], [tool("orders_find"), tool("a-b")]) is None
    assert tool_names([USER], []) is None


@pytest.mark.parametrize("llm", ["openai_compatible", "litellm"])
async def test_a_dialogue_with_odd_names_over_a_strict_server(llm: str) -> None:
    tools = [tool("orders.find"), tool("orders_find"), tool("погода")]
    async with serving(server=Strict()) as server:
        made = open_llm(Endpoint(model="openai/m", llm=llm, api_base=server.base, attempts=1), "teacher")
        try:
            server.plays = [{"text": "x"}]
            await made.complete([USER], tools)
            sent = [one["function"]["name"] for one in server.requests[-1]["tools"]]
            assert sent[1] == "orders_find"
            play = [{"id": str(n), "name": name, "arguments": {"id": "1"}} for n, name in enumerate((*sent, "no.such"))]
            server.plays = [{"calls": play}, {"text": "Done."}]
            asked = (await made.complete([USER], tools)).turn
            assert [call.name for call in asked.tool_calls] == ["orders.find", "orders_find", "погода", "no.such"]
            results = [Turn(role="tool", tool_call_id=c.id, name=c.name, content="{}") for c in asked.tool_calls]
            assert (await made.complete([USER, asked, *results], tools)).turn.content == "Done."
        finally:
            await made.aclose()
    _, call, *answers = server.requests[-1]["messages"]
    assert [one["function"]["name"] for one in call["tool_calls"]][:3] == sent
    assert [one["name"] for one in answers if "name" in one][:3] in (sent, [])
    assert tools[0].name == "orders.find"


async def test_a_call_in_the_text_may_use_either_name() -> None:
    async with serving(server=Strict()) as server:
        made = open_llm(Endpoint(model="m", llm="openai_compatible", api_base=server.base, attempts=1), "teacher")
        try:
            for name in ("orders.find", "orders_find"):
                server.plays = [
                    {"text": f'<tool_call>\n{{"name": "{name}", "arguments": {{"id": "7"}}}}\n</tool_call>'}
                ]
                found = (await made.complete([USER], [tool("orders.find")])).turn.tool_calls
                assert [(call.name, call.arguments) for call in found] == [("orders.find", {"id": "7"})]
        finally:
            await made.aclose()


async def test_the_double_refuses_what_does_not_fit() -> None:
    async with serving(server=Strict()) as server:
        made = open_llm(
            Endpoint(
                model="m", llm="openai_compatible", api_base=server.base, attempts=1,
                options={"extra_body": {"tools": [tool("a.b").schema_for_model()]}},
            ),
            "teacher",
        )  # fmt: skip
        try:
            with pytest.raises(ModelError, match="does not match pattern"):
                await made.complete([USER])
        finally:
            await made.aclose()
