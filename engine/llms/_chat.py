"""The part of a model call that all chat endpoints share: request body, retries, structured output, parsing and
accounting.

A plug-in passes in `send` (request body -> reply body, raises ModelError) and `price` (prompt and completion tokens ->
dollars or None, for replies that do not state their cost).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar

from engine.errors import ModelError
from engine.llms._faults import model_error
from engine.llms._provider_state import Send, SentBack, States
from engine.llms._retry import Retry
from engine.llms._tokens import ASKED
from engine.llms._wire import Reply, Usage, json_object, parse_reply, to_messages, to_tools, usage_of
from engine.loop import turn
from engine.types import Completion, Endpoint, ModelCall, ModelRole, Sampling, Tool, Turn, longest_wait

Price = Callable[[int | None, int | None], float | None]
Amount = TypeVar("Amount", int, float)
Form = Literal["json_schema", "json_object", "plain"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "plain")


def unknown_price(prompt: int | None, completion: int | None) -> float | None:
    """Return None: the price is unknown."""
    return None


class Chat:
    """Turns in, Completion out, over one endpoint. Holds no connection. With `tokens` it asks for token ids and
    log-probabilities."""

    def __init__(
        self,
        endpoint: Endpoint,
        role: ModelRole,
        send: Send,
        price: Price = unknown_price,
        *,
        backoff: float = 0.5,
        tokens: bool = False,
    ) -> None:
        self._endpoint, self._role, self._send, self._price = endpoint, role, send, price
        self._forms, self._sent_back, self._asked = FORMS, SentBack(), ASKED if tokens else {}
        self._retry = Retry(
            endpoint.attempts,
            first=backoff,
            patience=longest_wait(endpoint),
            source=random.Random(f"{role}:{endpoint.model}:{endpoint.api_base}"),
        )

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool],
        response_schema: dict[str, Any] | None,
        sampling: Sampling | None,
        states: States | None = None,
    ) -> Completion:
        """Return the model's turn. Raises ModelError after the last try. Tokens of unusable replies count as well."""
        started, usages = time.perf_counter(), list[Usage]()
        body = self._body(messages, tools, sampling or self._endpoint.sampling)

        async def once(asked: dict[str, Any]) -> Reply:
            return await self._try_once(asked, messages, tools, usages, states)

        try:
            if response_schema is None:
                reply, tries = await self._retry(lambda: once(body))
            else:
                reply, tries = await self._structured(body, response_schema, once)
        except ModelError as error:
            if usages:
                error.call = self._model_call(usages, started, attempts=len(usages), finish=error.kind)
            raise
        counts = {"text_calls": reply.text_calls, "repaired_calls": reply.repaired_calls}
        call = self._model_call(usages, started, attempts=tries, finish=reply.finish, **counts)
        data = json_object(reply.turn.content) if response_schema is not None else None
        return Completion(turn=reply.turn, call=call, data=data, raw=reply.raw, state=reply.state, tokens=reply.tokens)

    def _body(self, messages: Sequence[Turn], tools: Sequence[Tool], sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": to_messages(messages),
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            **self._asked,
        }
        if tools:
            body["tools"] = to_tools(tools)
        if sampling.top_p != 1.0:
            body["top_p"] = sampling.top_p
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        return body

    def _model_call(self, usages: Sequence[Usage], started: float, **more: Any) -> ModelCall:
        """Return the account of a call: tokens and cost summed over its replies, None when one does not state them."""
        costs = [
            used.cost_usd if used.cost_usd is not None else self._price(used.prompt_tokens, used.completion_tokens)
            for used in usages
        ]
        return ModelCall(
            role=self._role,
            model=self._endpoint.model,
            prompt_tokens=_sum_or_none([used.prompt_tokens for used in usages]),
            completion_tokens=_sum_or_none([used.completion_tokens for used in usages]),
            cost_usd=_sum_or_none(costs),
            seconds=time.perf_counter() - started,
            **more,
        )

    async def _try_once(
        self,
        body: dict[str, Any],
        messages: Sequence[Turn],
        tools: Sequence[Tool],
        usages: list[Usage],
        states: States | None,
    ) -> Reply:
        try:
            async with asyncio.timeout(self._endpoint.timeout):
                answer = await self._sent_back.send(self._send, body, len(messages), states)
        except TimeoutError:
            raise model_error("timeout", self._endpoint) from None
        await turn()
        usage = usage_of(answer)
        try:
            reply = parse_reply(answer, messages, tools)
        except ModelError:
            if usage != Usage():
                usages.append(usage)
            raise
        usages.append(usage)
        return reply

    async def _structured(
        self, body: dict[str, Any], schema: dict[str, Any], once: Callable[[dict[str, Any]], Awaitable[Reply]]
    ) -> tuple[Reply, int]:
        """Return (reply, tries), asking for JSON in the first of FORMS that the server accepts. A form that was
        refused is not tried again by this Chat."""
        forms, tries = self._forms, 0
        for position, form in enumerate(forms):
            asked = with_form(body, form, schema)
            try:
                reply, more = await self._retry(lambda asked=asked: once(asked))  # type: ignore[misc]
            except ModelError as error:
                if error.kind != "bad_request" or position == len(forms) - 1:
                    raise
                tries += 1
                continue
            self._forms = forms[position:]
            return reply, tries + more
        raise AssertionError("unreachable: the last form returns or raises")


def _sum_or_none(values: Sequence[Amount | None]) -> Amount | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None


def with_form(body: dict[str, Any], form: Form, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the body with the schema requested in one of the three forms; the last two also state it in a system
    message, since the server does not enforce it."""
    if form == "json_schema":
        wanted = {"name": schema.get("title", "reply"), "schema": schema, "strict": True}
        return body | {"response_format": {"type": "json_schema", "json_schema": wanted}}
    instruction = f"Reply with one JSON object and nothing else. It must fit this JSON Schema: {json.dumps(schema)}"
    messages = [dict(message) for message in body["messages"]]
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] = f"{messages[0]['content']}\n\n{instruction}"
    else:
        messages.insert(0, {"role": "system", "content": instruction})
    asked = body | {"messages": messages}
    return asked if form == "plain" else asked | {"response_format": {"type": "json_object"}}
