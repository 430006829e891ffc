"""What a test call finds out about servers that do well, and about such that do not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aiohttp import web

from engine.errors import ModelError
from engine.serving.profile import Tried, try_endpoint
from engine.types import Endpoint, Profile, as_profiled, endpoint_key
from tests.llms.server import Server, completion, serving


class Played(Server):
    """A server with a model that does what it is asked, as far as the flags let it."""

    tools = parallel = schema = uses_result = True
    thinks: str = ""
    ids = "call_abcdefghijkl{}"
    two_calls_fail: int | None = None
    """The status with which it answers a dialogue that holds two calls in one message."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if refusal := self.refusal(body):
            status, said = refusal
            return web.json_response({"error": {"message": said, "type": "invalid_request_error"}}, status=status)
        play = self.play(body)
        found = completion({"prompt_tokens": 10, "completion_tokens": 5, **play})
        message = found["choices"][0]["message"]
        if self.thinks == "field":
            message["reasoning_content"] = "The user wants to know something."
        elif self.thinks == "text":
            message["content"] = f"<think>The user wants to know something.</think>{message['content'] or ''}"
        if not self.ids:
            for call in message.get("tool_calls", ()):
                del call["id"]
        return web.json_response(found)

    def refusal(self, body: dict[str, Any]) -> tuple[int, str] | None:
        if "tools" in body and not self.tools:
            return 400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
        form = body.get("response_format", {}).get("type")
        if form and not self.schema:
            return 400, f"response_format {form} is not supported by this server"
        if self.two_calls_fail and any(len(m.get("tool_calls") or ()) > 1 for m in body["messages"]):
            return self.two_calls_fail, "This model only supports single tool-calls at once!"
        return None

    def play(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("response_format"):
            return {"data": {"city": "Oslo", "population": 700_000}}
        question = next(m["content"] for m in body["messages"] if m["role"] == "user")
        if "JSON Schema" in str(body["messages"][0]["content"]):
            return {"text": 'Here: {"city": "Oslo", "population": 700000}'}
        cities = re.findall(r"Lisbon|Oslo", question)
        results = [json.loads(m["content"]) for m in body["messages"] if m["role"] == "tool"]
        if "tools" in body and len(results) < len(cities):
            ask = cities[len(results) :] if self.parallel else cities[len(results) :][:1]
            calls = [
                {"id": self.ids.format(n), "name": "get_time", "arguments": {"city": c}} for n, c in enumerate(ask)
            ]
            return {"calls": calls}
        told = " and ".join(f"{r['time']} in {r['city']}" for r in results)
        return {"text": f"It is {told}." if self.uses_result and results else "Hello."}


async def tried(server: Server, llm: str = "openai_compatible", **more: Any) -> Tried:
    async with serving(server=server):
        values: dict[str, Any] = {"model": "openai/m", "llm": llm, "api_base": server.base} | more
        return await try_endpoint(Endpoint(**values))


@pytest.mark.parametrize("llm", ["openai_compatible", "litellm"])
async def test_a_server_that_does_all_of_it(llm: str) -> None:
    found = await tried(Played(), llm)
    profile = found.profile
    assert (profile.tools, profile.parallel, profile.json_schema) == (True, "together", True)
    assert (profile.thinking, profile.ids, profile.refused, profile.faults) == ("none", "own", (), {})
    assert profile.context_length is None
    assert found.reply == "It is 17:42 in Lisbon."
    assert found.called_tool
    assert (found.call.prompt_tokens, found.call.completion_tokens) == (50, 25)
    made = Endpoint(model="openai/m", llm=llm, api_base="http://elsewhere/v1")
    assert profile.made_for != endpoint_key(made)


async def test_a_server_without_a_tool_parser() -> None:
    server = Played()
    server.tools = False
    found = await tried(server)
    assert (found.profile.tools, found.profile.parallel, found.profile.json_schema) == (False, None, True)
    assert "--enable-auto-tool-choice" in found.profile.faults["tools"]
    assert (found.called_tool, found.profile.ids) == (False, None)


async def test_a_model_that_answers_in_words_or_does_not_read_the_result() -> None:
    server = Played()
    server.play = lambda body: {"text": "Hello."}  # type: ignore[method-assign]
    found = await tried(server)
    assert (found.profile.tools, found.profile.parallel) == (False, None)
    assert "did not call the tool: Hello." in found.profile.faults["tools"]
    assert found.profile.json_schema is False
    assert "does not fit the schema" in found.profile.faults["json_schema"]
    deaf = Played()
    deaf.uses_result = False
    found = await tried(deaf)
    assert found.profile.tools is False
    assert "does not use the result" in found.profile.faults["tools"]


@pytest.mark.parametrize("status", [400, 500])
async def test_a_server_that_breaks_on_two_calls(status: int) -> None:
    server = Played()
    server.two_calls_fail = status
    found = await tried(server)
    assert (found.profile.tools, found.profile.parallel, found.profile.json_schema) == (True, "broken", True)
    assert "single tool-calls at once" in found.profile.faults["parallel"]
    endpoint = Endpoint(model="openai/m", llm="openai_compatible", api_base=server.base)
    assert as_profiled(endpoint, found.profile).parallel_calls == "forbid"
    allowed = endpoint.model_copy(update={"parallel_calls": "allow"})
    assert as_profiled(allowed, found.profile) == allowed
    other = endpoint.model_copy(update={"model": "other"})
    assert as_profiled(other, found.profile) == other
    assert as_profiled(endpoint, None) == endpoint


async def test_a_model_that_makes_one_call_after_the_other() -> None:
    server = Played()
    server.parallel = False
    found = await tried(server)
    assert found.profile.parallel == "one_by_one"
    endpoint = Endpoint(model="openai/m", llm="openai_compatible", api_base=server.base)
    assert as_profiled(endpoint, found.profile) == endpoint


async def test_calls_that_run_together_are_broken() -> None:
    server = Played()
    whole = server.play

    def play(body: dict[str, Any]) -> dict[str, Any]:
        found = whole(body)
        if len(found.get("calls", ())) == 2:
            found["calls"][0]["arguments"] = '{"city": "Lisbon"}{"city": "Oslo"}'
        return found

    server.play = play  # type: ignore[method-assign]
    found = await tried(server)
    assert (found.profile.tools, found.profile.parallel) == (True, "broken")


async def test_two_calls_for_the_same_city_leave_it_open() -> None:
    server = Played()
    whole = server.play

    def play(body: dict[str, Any]) -> dict[str, Any]:
        found = whole(body)
        for call in found.get("calls", ()):
            call["arguments"] = {"city": "Lisbon"}
        return found

    server.play = play  # type: ignore[method-assign]
    found = await tried(server)
    assert found.profile.parallel is None
    assert found.profile.faults["parallel"] == "It made 2 calls, and none of them for Oslo."


async def test_a_server_that_refuses_the_schema() -> None:
    server = Played()
    server.schema = False
    found = await tried(server)
    assert (found.profile.tools, found.profile.json_schema) == (True, False)
    assert "json_schema is not supported" in found.profile.faults["json_schema"]


@pytest.mark.parametrize("where", ["field", "text"])
async def test_where_thoughts_come(where: str) -> None:
    server = Played()
    server.thinks = where
    assert (await tried(server)).profile.thinking == where


@pytest.mark.parametrize(
    ("listed", "length"),
    [
        ([{"id": "other", "max_model_len": 1}, {"id": "openai/m", "max_model_len": 8192}], 8192),
        ([{"id": "openai/m", "context_length": 4096}], 4096),
        ([{"id": "served under another name", "context_window": 2048}], 2048),
        ([{"id": "a", "context_window": 2048}, {"id": "b", "context_window": 2048}], None),
        ([{"id": "openai/m", "max_model_len": "many"}], None),
        ([], None),
    ],
)
async def test_the_context_length_is_that_of_the_list_of_models(
    listed: list[dict[str, Any]], length: int | None
) -> None:
    server = Played()
    server.listed = listed
    assert (await tried(server)).profile.context_length == length


async def test_the_context_length_is_that_of_the_price_table() -> None:
    found = await tried(Played(), "litellm", model="openai/gpt-4o-mini")
    assert found.profile.context_length == 128_000


@pytest.mark.parametrize(("ids", "kind"), [("", "ours"), ("Ab3dE6gH{}", "own_nine"), ("x{}", "own")])
async def test_whose_ids_calls_have(ids: str, kind: str) -> None:
    server = Played()
    server.ids = ids
    assert (await tried(server)).profile.ids == kind


async def test_parameters_that_were_left_out_stand_in_the_profile() -> None:
    found = await tried(Played(), model="gpt-5")
    assert (found.profile.tools, found.profile.refused) == (True, ("temperature", "top_p"))


async def test_forbidden_calls_are_tried_all_the_same() -> None:
    server = Played()
    found = await tried(server, parallel_calls="forbid")
    assert found.profile.parallel == "together"
    assert all("parallel_tool_calls" not in body for body in server.requests)


async def test_what_gives_no_reply_at_all_has_no_profile() -> None:
    server = Server()
    server.plays = [{"error": "auth"}]
    with pytest.raises(ModelError) as caught:
        await tried(server)
    assert caught.value.kind == "auth"
    server = Server()
    server.plays = [{"error": "bad_request", "said": "No such model."}]
    with pytest.raises(ModelError, match="No such model"):
        await tried(server)
    assert len(server.requests) == 2, "it was asked without tools as well"


async def test_a_fault_that_may_be_chance_leaves_it_open() -> None:
    server = Played()
    server.refusal = lambda body: (503, "Busy.") if "tools" in body else None  # type: ignore[method-assign]
    found = await tried(server)
    assert (found.profile.tools, found.profile.parallel, found.profile.json_schema) == (None, None, True)
    assert "Busy." in found.profile.faults["tools"]


def test_the_key_of_an_endpoint_is_of_what_matters() -> None:
    endpoint = Endpoint(model="m", llm="openai_compatible", api_base="http://a/v1")
    for same in ({"timeout": 3.0}, {"attempts": 1}, {"key_variable": "K"}, {"parallel_calls": "forbid"}):
        assert endpoint_key(endpoint.model_copy(update=same)) == endpoint_key(endpoint)
    for other in ({"model": "n"}, {"llm": "litellm"}, {"api_base": None}, {"options": {"backoff": 1.0}}):
        assert endpoint_key(endpoint.model_copy(update=other)) != endpoint_key(endpoint)


def test_nothing_known_is_none() -> None:
    profile = Profile(made_at=1.0, made_for="x")
    assert (profile.tools, profile.parallel, profile.json_schema, profile.thinking, profile.ids) == (None,) * 5
