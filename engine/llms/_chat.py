"""The part of a model call that all chat endpoints share: request body, retries, structured output, parsing and
accounting.

A plug-in passes in `send` (request body -> reply body, raises ModelError) and `price` (prompt and completion tokens ->
dollars or None, for replies that do not state their cost).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar

from engine.errors import ModelError
from engine.llms._faults import model_error
from engine.llms._parameters import Parameters
from engine.llms._provider_state import Send, SentBack, States
from engine.llms._retry import Retry
from engine.llms._tokens import ASKED
from engine.llms._tool_names import tool_names
from engine.llms._wire import (
    Reply,
    Usage,
    json_object,
    only_first_call,
    parse_reply,
    to_messages,
    to_tools,
    usage_of,
)
from engine.loop import turn
from engine.stopwatch import OpenCall
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
        parameters: Parameters | None = None,
        tokens: bool = False,
    ) -> None:
        self._endpoint, self._role, self._send, self._price = endpoint, role, send, price
        self._parameters = parameters or Parameters()
        self._forms, self._sent_back, self._asked = FORMS, SentBack(), ASKED if tokens else {}
        self.refused_forms: dict[str, str] = {}
        """What the server said against each of FORMS that it refused."""
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
        usages = list[Usage]()
        body = self._body(messages, tools, sampling or self._endpoint.sampling)
        names = tool_names(messages, tools)
        known = tools if names is None else names.tools
        if names is not None:
            names.rename(body)
        timed = OpenCall(self._role, self._endpoint.model, self._endpoint.attempts)

        async def once(asked: dict[str, Any]) -> Reply:
            with timed.attempt():
                return await self._try_once(asked, messages, known, usages, states)

        try:
            if response_schema is None:
                reply, tries = await self._retry(lambda: once(body))
            else:
                reply, tries = await self._structured(body, response_schema, once, timed)
        except ModelError as error:
            timed.close()
            error.call = self._model_call(usages, timed, attempts=timed.tries, finish=error.kind, failed=error.kind)
            if error.kind == "timeout":
                error.args = (f"{error} {timed.sentence()}",)
            raise
        except BaseException:
            timed.give_up(self._model_call(usages, timed, attempts=timed.tries))
            raise
        timed.close()
        counts = {"text_calls": reply.text_calls, "repaired_calls": reply.repaired_calls}
        missing = self._parameters.missing(body)
        call = self._model_call(usages, timed, attempts=tries, finish=reply.finish, left_out=missing, **counts)
        data = json_object(reply.turn.content) if response_schema is not None else None
        said = reply.turn if names is None else names.with_real_names(reply.turn)
        return Completion(turn=said, call=call, data=data, raw=reply.raw, state=reply.state, tokens=reply.tokens)

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
            if self._endpoint.parallel_calls != "auto":
                body["parallel_tool_calls"] = self._endpoint.parallel_calls == "allow"
        if sampling.top_p != 1.0:
            body["top_p"] = sampling.top_p
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        return body

    def _model_call(self, usages: Sequence[Usage], timed: OpenCall, **more: Any) -> ModelCall:
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
            seconds=timed.seconds,
            **more,
        )

    async def _answer(self, body: dict[str, Any], turns: int, states: States | None) -> Any:
        """Return the reply body to a request whose last `turns` messages have these states. A refused parameter is left
        out or renamed at once, which costs no attempt."""
        while True:
            asked = self._parameters.shaped(body)
            try:
                async with asyncio.timeout(self._endpoint.timeout):
                    return await self._sent_back.send(self._send, asked, turns, states)
            except TimeoutError:
                raise model_error("timeout", self._endpoint) from None
            except ModelError as error:
                if not self._parameters.learn(error, asked):
                    raise

    async def _try_once(
        self,
        body: dict[str, Any],
        messages: Sequence[Turn],
        tools: Sequence[Tool],
        usages: list[Usage],
        states: States | None,
    ) -> Reply:
        answer = await self._answer(body, len(messages), states)
        # Before anything that waits, because a call that is broken off there has been paid for.
        usage = usage_of(answer)
        if usage != Usage():
            usages.append(usage)
        await turn()
        reply = parse_reply(answer, messages, tools)
        if usage == Usage():
            usages.append(usage)
        return only_first_call(reply, answer) if self._endpoint.parallel_calls == "forbid" else reply

    async def _structured(
        self,
        body: dict[str, Any],
        schema: dict[str, Any],
        once: Callable[[dict[str, Any]], Awaitable[Reply]],
        timed: OpenCall,
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
                self.refused_forms[form] = str(error)
                timed.allow(self._endpoint.attempts)
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
