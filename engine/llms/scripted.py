"""Scripted replies (test double, no model)

Replies as its options say, so that tests, demos and checks of a set-up need no model. Two ways:

    {"replies": [{"text": "Which order?"}, {"calls": [{"name": "find", "arguments": {"id": 1}}]}, {"error": "server"}]}
    {"follow": "tools", "calls_per_turn": 2, "arguments": {"id": "A1"}, "text": "Done."}

The first plays a list, by call or by dialogue (then the number of assistant turns so far picks the reply, at any
concurrency). The second calls the offered tools in order and then answers. Every reply passes the same parsing, retries
and accounting as a real one. Its texts are not worth training on.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.errors import ModelFault
from engine.examples import ModelExample
from engine.llms._faults import model_error
from engine.llms._plugin import ChatLLM
from engine.llms._sample import from_schema
from engine.types import Endpoint, Frozen, ModelRole, Options

__all__ = ["Scripted"]

Seconds = Annotated[float, Field(ge=0)]


class ScriptedCall(Frozen):
    """One tool call; `arguments` may be a text, to play broken JSON."""

    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    id: str | None = None


class ScriptedReply(Frozen):
    """One reply: a text, calls, JSON `data`, or an `error` of one kind, which may have `retry_after` (seconds)."""

    text: str = ""
    calls: tuple[ScriptedCall, ...] = ()
    data: dict[str, Any] | None = None
    reasoning: str | None = None
    refusal: str | None = None
    error: ModelFault | None = None
    retry_after: Seconds | None = None
    finish: str | None = None
    seconds: Seconds = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Config(Options):
    """What is replied, and when; the docstring of the file has examples."""

    replies: tuple[ScriptedReply, ...] = ()
    """One after the other."""
    by: Literal["call", "dialogue"] = "call"
    """Counted over all calls, or from the start of each dialogue."""
    after: Literal["repeat_last", "start_over", "error"] = "repeat_last"
    """What comes after the last reply."""
    follow: Literal["replies", "tools"] = "replies"
    """The list of replies, or calls of the tools that are offered."""
    calls_per_turn: Annotated[int, Field(ge=0, le=8)] = 1
    """How many calls one reply makes where tools are followed."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Values by the name of a parameter, for calls where tools are followed."""
    answers: dict[str, Any] = Field(default_factory=dict)
    """Values by the name of a property, for structured replies."""
    text: str = "Done."
    """The reply in words where tools are followed."""
    seconds: Seconds = 0.0
    """Waited before every reply."""
    backoff: Seconds = 0.0
    """Seconds of the first wait before a call is tried again."""

    @model_validator(mode="after")
    def _something_to_play(self) -> Config:
        if self.follow == "replies" and not self.replies:
            raise ValueError('give a list of replies, or set follow to "tools"')
        return self


class Scripted(ChatLLM):
    """An LLM without a model. Tokens are unknown unless a reply gives them; the cost always is."""

    def __init__(self, config: Config, endpoint: Endpoint, role: ModelRole) -> None:
        super().__init__(endpoint, role, backoff=config.backoff)
        self._config = config
        self._played = 0

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _send(self, body: dict[str, Any]) -> Any:
        reply = self._next_reply(body)
        await asyncio.sleep(self._config.seconds + reply.seconds)
        if reply.error:
            raise model_error(reply.error, self._endpoint, "scripted", wait=reply.retry_after)
        return _reply_body(reply)

    def _next_reply(self, body: dict[str, Any]) -> ScriptedReply:
        if self._config.follow == "tools":
            return self._reply_by_rule(body)
        position = self._played
        if self._config.by == "dialogue":
            position = sum(message["role"] == "assistant" for message in body["messages"])
        self._played += 1
        replies = self._config.replies
        if position < len(replies):
            return replies[position]
        if self._config.after == "error":
            raise model_error("bad_request", self._endpoint, f"all {len(replies)} scripted replies have been played")
        return replies[position % len(replies) if self._config.after == "start_over" else -1]

    def _reply_by_rule(self, body: dict[str, Any]) -> ScriptedReply:
        """Return a value that fits the requested schema, else the next tool call of this turn, else `text`."""
        wanted = body.get("response_format", {}).get("json_schema", {}).get("schema")
        if wanted is not None:
            return ScriptedReply(data=from_schema(wanted, self._config.answers))
        done = 0
        for message in reversed(body["messages"]):
            if message["role"] == "user":
                break
            done += message["role"] == "assistant"
        tools = body.get("tools") or []
        if done >= self._config.calls_per_turn or not tools:
            return ScriptedReply(text=self._config.text)
        function = tools[done % len(tools)]["function"]
        arguments = from_schema(function["parameters"], self._config.arguments)
        return ScriptedReply(calls=(ScriptedCall(name=function["name"], arguments=arguments),))


def _reply_body(reply: ScriptedReply) -> dict[str, Any]:
    calls = [
        {
            "id": call.id,
            "function": {
                "name": call.name,
                "arguments": call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments),
            },
        }
        for call in reply.calls
    ]
    message = {
        "content": json.dumps(reply.data) if reply.data is not None else reply.text,
        "reasoning_content": reply.reasoning,
        "refusal": reply.refusal,
        "tool_calls": calls,
    }
    finish = reply.finish or ("tool_calls" if calls else "stop")
    usage = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens}
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": usage}


EXAMPLE = ModelExample(options={"backoff": 0.001}, script="replies")
