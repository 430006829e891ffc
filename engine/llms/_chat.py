"""What every chat endpoint shares: the request body, retries, structured output, parsing and accounting.

A plug-in hands in `send` (request body -> reply body, raises ModelError) and `price` (tokens -> dollars or None,
for replies that do not tell their cost).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from engine.errors import ModelError
from engine.llms._faults import fault
from engine.llms._retry import Retry
from engine.llms._wire import Reply, json_object, parse_reply, to_messages, to_tools
from engine.types import Completion, Endpoint, ModelCall, ModelRole, Sampling, Tool, Turn

Send = Callable[[dict[str, Any]], Awaitable[Any]]
Price = Callable[[int | None, int | None], float | None]
Form = Literal["json_schema", "json_object", "plain"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "plain")


def unknown_price(prompt: int | None, completion: int | None) -> float | None:
    """Say that nobody knows the price."""
    return None


class Chat:
    """Turns in, Completion out, over one endpoint. Holds no connection."""

    def __init__(
        self, endpoint: Endpoint, role: ModelRole, send: Send, price: Price = unknown_price, *, backoff: float = 0.5
    ) -> None:
        self._endpoint, self._role, self._send, self._price = endpoint, role, send, price
        self._forms = FORMS
        self._retry = Retry(
            endpoint.attempts,
            first=backoff,
            patience=max(60.0, endpoint.timeout),
            source=random.Random(f"{role}:{endpoint.model}:{endpoint.api_base}"),
        )

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool],
        response_schema: dict[str, Any] | None,
        sampling: Sampling | None,
    ) -> Completion:
        """Return the model's turn. Raises ModelError after the last try."""
        started = time.perf_counter()
        body = self._body(messages, tools, sampling or self._endpoint.sampling)
        if response_schema is None:
            reply, tries = await self._retry(lambda: self._once(body, messages, tools))
        else:
            reply, tries = await self._structured(body, messages, tools, response_schema)
        cost = reply.cost_usd
        if cost is None:
            cost = self._price(reply.prompt_tokens, reply.completion_tokens)
        call = ModelCall(
            role=self._role,
            model=self._endpoint.model,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cost_usd=cost,
            seconds=time.perf_counter() - started,
            attempts=tries,
            finish=reply.finish,
            text_calls=reply.text_calls,
        )
        data = json_object(reply.turn.content) if response_schema is not None else None
        return Completion(turn=reply.turn, call=call, data=data)

    def _body(self, messages: Sequence[Turn], tools: Sequence[Tool], sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": to_messages(messages),
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
        }
        if tools:
            body["tools"] = to_tools(tools)
        if sampling.top_p != 1.0:
            body["top_p"] = sampling.top_p
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        return body

    async def _once(self, body: dict[str, Any], messages: Sequence[Turn], tools: Sequence[Tool]) -> Reply:
        try:
            async with asyncio.timeout(self._endpoint.timeout):
                answer = await self._send(body)
        except TimeoutError:
            raise fault("timeout", self._endpoint) from None
        return parse_reply(answer, messages, tools)

    async def _structured(
        self, body: dict[str, Any], messages: Sequence[Turn], tools: Sequence[Tool], schema: dict[str, Any]
    ) -> tuple[Reply, int]:
        """Ask for JSON in the best form that the server takes; a form it refused is not offered again."""
        forms, tries = self._forms, 0
        for position, form in enumerate(forms):
            asked = with_form(body, form, schema)
            try:
                reply, more = await self._retry(lambda asked=asked: self._once(asked, messages, tools))  # type: ignore[misc]
            except ModelError as error:
                if error.kind != "bad_request" or position == len(forms) - 1:
                    raise
                tries += 1
                continue
            self._forms = forms[position:]
            return reply, tries + more
        raise AssertionError("unreachable: the last form returns or raises")


def with_form(body: dict[str, Any], form: Form, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the body with the schema asked for in one of the three forms; the last two also tell it in words."""
    if form == "json_schema":
        wanted = {"name": schema.get("title", "reply"), "schema": schema, "strict": True}
        return body | {"response_format": {"type": "json_schema", "json_schema": wanted}}
    told = f"Reply with one JSON object and nothing else. It must fit this JSON Schema: {json.dumps(schema)}"
    messages = [dict(message) for message in body["messages"]]
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] = f"{messages[0]['content']}\n\n{told}"
    else:
        messages.insert(0, {"role": "system", "content": told})
    asked = body | {"messages": messages}
    return asked if form == "plain" else asked | {"response_format": {"type": "json_object"}}
