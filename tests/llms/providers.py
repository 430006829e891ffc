"""Doubles of providers that want something back with their replies. Each enforces the rule that the provider documents,
with the error that it documents, over HTTP.

The first three rules are of servers that speak the OpenAI protocol, so they can stand over any double that speaks it:
one that plays a fixed dialogue (`Ruled`), and the models of a whole batch (`RuledDouble`). Gemini and Anthropic have
protocols of their own, which litellm speaks. What a double gives follows from the content of a reply, so it knows what
must come back without keeping anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiohttp import web

from tests.llms.misbehaving import Double
from tests.llms.server import Server, completion

SECRET = "OPAQUE-STATE-"
"""What every signature begins with."""
CALLS = ({"account_id": "A-1"}, {"account_id": "B-2"}, {"account_id": "C-3"}, {"account_id": "D-4"})
PLAN: tuple[dict[str, Any], ...] = (
    {"calls": [{"name": "get_balance", "arguments": CALLS[0], "id": "given_a"}]},
    {
        "calls": [
            {"name": "get_balance", "arguments": CALLS[1], "id": "given_b"},
            {"name": "get_balance", "arguments": CALLS[2], "id": "given_c"},
        ]
    },
    {"text": "A-1, B-2 and C-3 hold 5 euros each."},
    {"calls": [{"name": "get_balance", "arguments": CALLS[3], "id": "given_d"}]},
    {"text": "D-4 holds 5 euros too."},
)
"""The replies to a dialogue of two requests, by how many came before."""


def signature(*signed: Any) -> str:
    """Return what a provider signs this content with."""
    text = json.dumps(signed, sort_keys=True)
    return SECRET + hashlib.sha256(text.encode()).hexdigest()


class Rule(Protocol):
    """What one provider of the OpenAI protocol gives with a reply, and what it refuses."""

    def dress(self, message: dict[str, Any]) -> None:
        """Add the provider's state to an assistant message that it gives."""

    def fault(self, messages: Sequence[Mapping[str, Any]]) -> tuple[int, Any] | None:
        """Return (status, body) of the refusal of a request, None for a request that is right."""


class DeepSeek:
    """Thinks before calls, and before answers too unless it is `terse`. Each message with calls must bring its
    reasoning_content back, with an empty text where there was none. In other messages the field is refused, as older
    models do, or wanted as well (`everywhere`). `said` is the error in the words of the older or newer models."""

    OLDER = (
        "Missing `reasoning_content` field in the assistant message at message index {}. For more information, please "
        "refer to https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"
    )
    NEWER = "The `reasoning_content` in the thinking mode must be passed back to the API."

    def __init__(self, said: str = OLDER, *, terse: bool = False, everywhere: bool = False) -> None:
        self._said, self._terse, self._everywhere = said, terse, everywhere

    def dress(self, message: dict[str, Any]) -> None:
        message["reasoning_content"] = self.thought(message) or None

    def thought(self, message: Mapping[str, Any]) -> str:
        calls = [call["function"]["arguments"] for call in message.get("tool_calls") or ()]
        if self._terse and len(calls) != 1:
            return ""
        return f"I look up {_plain(calls)}." if calls else "Now I can answer."

    def fault(self, messages: Sequence[Mapping[str, Any]]) -> tuple[int, Any] | None:
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            if message.get("tool_calls") or self._everywhere:
                if message.get("reasoning_content") != self.thought(message):
                    return 400, _error(self._said.format(index))
            elif "reasoning_content" in message:
                return 400, _error(f"messages[{index}].reasoning_content is not allowed in the input.")
        return None


class GeminiAddress:
    """Gemini's OpenAI address: the first call of each message is signed, and its signature must come back."""

    def dress(self, message: dict[str, Any]) -> None:
        for call in (message.get("tool_calls") or ())[:1]:
            call["extra_content"] = self._beside(call)

    def fault(self, messages: Sequence[Mapping[str, Any]]) -> tuple[int, Any] | None:
        for index, message in enumerate(messages):
            for call in (message.get("tool_calls") or ())[:1]:
                if call.get("extra_content") != self._beside(call):
                    return 400, [{"error": _missing_signature(call["function"]["name"], index)}]
        return None

    def _beside(self, call: Mapping[str, Any]) -> dict[str, Any]:
        function = call["function"]
        return {"google": {"thought_signature": signature(function["name"], _plain(function["arguments"]))}}


class Strict:
    """Gives thoughts, and refuses every field of a message that OpenAI does not know, quoting it."""

    _KNOWN = frozenset(("role", "content", "tool_calls", "tool_call_id", "name"))

    def dress(self, message: dict[str, Any]) -> None:
        message["reasoning_content"] = "I look it up."

    def fault(self, messages: Sequence[Mapping[str, Any]]) -> tuple[int, Any] | None:
        faults = [
            {
                "type": "extra_forbidden",
                "loc": ["body", "messages", index, message["role"], name],
                "msg": "Extra inputs are not permitted",
                "input": value,
            }
            for index, message in enumerate(messages)
            for name, value in message.items()
            if name not in self._KNOWN
        ]
        return (422, {"detail": faults}) if faults else None


class Ruled(Server):
    """Plays PLAN under a rule. `faults` holds what it refused."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule, self.faults = rule, list[Any]()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if (fault := self.rule.fault(body["messages"])) is not None:
            self.faults.append(fault)
            return web.json_response(fault[1], status=fault[0])
        found = completion(PLAN[sum(message["role"] == "assistant" for message in body["messages"])])
        self.rule.dress(found["choices"][0]["message"])
        return web.json_response(found)


class RuledDouble(Double):
    """The double of a batch's models whose teacher stands under a rule."""

    def __init__(self, rule: Rule, *given: Any) -> None:
        super().__init__(*given)
        self.rule, self.faults = rule, list[Any]()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if "response_format" in body:  # of user or judge
            return await super().answer(request)
        if (fault := self.rule.fault(body["messages"])) is not None:
            self.faults.append(fault)
            return web.json_response(fault[1], status=fault[0])
        response = await super().answer(request)
        assert isinstance(response, web.Response)
        found = json.loads(response.text or "")
        self.rule.dress(found["choices"][0]["message"])
        return web.json_response(found)


class Gemini(Server):
    """Gemini's own protocol: thoughts come as parts of their own; the first call of a reply, or its text, is signed."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        given = [content for content in body["contents"] if content["role"] == "model"]
        for content in given:
            called = [part for part in content["parts"] if _function_call(part)]
            if called and called[0].get("thoughtSignature") != signature(_function_call(called[0])):
                fault = _missing_signature(_function_call(called[0])["name"], body["contents"].index(content))
                return web.json_response({"error": fault}, status=400)
        parts = [{"text": "I think of it.", "thought": True}, *_gemini_parts(PLAN[len(given)])]
        reply = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
        return web.json_response({"candidates": [reply], "usageMetadata": usage})


class Anthropic(Server):
    """Claude with thinking: a message that uses tools must begin with the thinking blocks that it was given, unchanged.
    Its second thought is redacted."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        given = [message for message in body["messages"] if message["role"] == "assistant"]
        if body.get("thinking", {}).get("type") != "enabled":
            return _anthropic_fault("this double is about thinking, which is off")
        for number, message in enumerate(given):
            first, uses = message["content"][0], [one for one in message["content"] if one["type"] == "tool_use"]
            if uses and first["type"] not in ("thinking", "redacted_thinking"):
                return _anthropic_fault(_NO_THINKING.format(body["messages"].index(message), first["type"]))
            if uses and first != _thinking_block(number):
                at = body["messages"].index(message)
                return _anthropic_fault(f"messages.{at}.content.0: Invalid `signature` in `thinking` block")
        play, number = PLAN[len(given)], len(given)
        content: list[dict[str, Any]] = [_thinking_block(number)]
        content += [{"type": "text", "text": play["text"]}] if "text" in play else []
        content += [
            {"type": "tool_use", "id": f"toolu_{one['id']}", "name": one["name"], "input": one["arguments"]}
            for one in play.get("calls", ())
        ]
        reply = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content}
        reply |= {"stop_reason": "tool_use" if "calls" in play else "end_turn", "stop_sequence": None}
        return web.json_response(reply | {"usage": {"input_tokens": 10, "output_tokens": 5}})


@asynccontextmanager
async def serving_at_all_paths(server: Server) -> AsyncIterator[str]:
    """Serve on a free loopback port, whatever the path; yield the address."""
    app = web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _plain(value: Any) -> Any:
    """Return arguments as values, however they are written as JSON."""
    return [_plain(one) for one in value] if isinstance(value, list) else json.loads(value)


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None}}


def _missing_signature(name: str, place: int) -> dict[str, Any]:
    message = (
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
        f"call `default_api:{name}` , position {place}."
    )
    return {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}


def _function_call(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return name and arguments of a part that is a call, in either spelling of its key; {} for any other part."""
    call = part.get("functionCall") or part.get("function_call") or {}
    return {"name": call["name"], "args": call["args"]} if call else {}


def _gemini_parts(play: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = [{"functionCall": {"name": one["name"], "args": one["arguments"]}} for one in play.get("calls", ())]
    parts: list[dict[str, Any]] = calls or [{"text": play["text"]}]
    parts[0]["thoughtSignature"] = signature(_function_call(parts[0]) or parts[0]["text"])
    return parts


_NO_THINKING = (
    "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is "
    "enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` "
    "and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To avoid this "
    "requirement, disable `thinking`."
)


def _thinking_block(number: int) -> dict[str, Any]:
    if number == 1:
        return {"type": "redacted_thinking", "data": signature(number)}
    return {"type": "thinking", "thinking": f"Thought {number}.", "signature": signature(number)}


def _anthropic_fault(message: str) -> web.Response:
    fault = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    return web.json_response(fault, status=400)
