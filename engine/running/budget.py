"""A model under a budget: prices the calls that nobody else prices, and pauses a batch whose bound cannot hold.

A bound in tokens or dollars is worth nothing while calls tell neither. So the first call of a batch with such a bound
goes alone: when it cannot be counted, nothing more is paid for. One that cannot be counted later lets what is in flight
finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from engine.errors import ModelError
from engine.protocols import LLM
from engine.running.watch import Ending, Watch
from engine.types import Batch, Budget, Completion, ModelCall, Sampling, Tool, Turn


class Meter:
    """One per batch at work; `over` puts a model under it."""

    def __init__(self, batch: Batch, watch: Watch) -> None:
        self._batch, self._watch = batch, watch
        self._first = asyncio.Lock()
        self._open = batch.budget.tokens is None and batch.budget.cost_usd is None

    def over(self, llm: LLM) -> LLM:
        return _Metered(llm, self)

    async def count(self, asked: Any) -> Completion:
        """Await a call and return it priced. Raises ModelError as the call does."""
        if self._open:
            return await self._once(asked)
        async with self._first:
            alone, completion = not self._open, None
            try:
                completion = await self._once(asked) if alone else None
            except ModelError:
                self._open = True
                raise
            if self._watch.abort is not None:
                await asyncio.Event().wait()  # whoever is in flight is cancelled here, and those behind with it
            self._open = True
        return completion or await self._once(asked)

    async def _once(self, asked: Any) -> Completion:
        try:
            completion: Completion = await asked()
        except ModelError as error:
            if error.call is not None:
                error.call = self._seen(error.call)
            raise
        call = self._seen(completion.call)
        return completion if call is completion.call else completion.model_copy(update={"call": call})

    def _seen(self, call: ModelCall) -> ModelCall:
        """Return the call priced; it is spent now, and the batch pauses when its budget is, or cannot hold."""
        call = priced(call, self._batch.budget)
        self._watch.spend(call, self._batch)
        if reason := unbounded(call, self._batch.budget):
            if self._open:
                self._watch.drain = self._watch.drain or Ending("paused", reason)
            else:
                self._watch.abort = self._watch.abort or Ending("paused", reason)
        return call


class _Metered:
    """An LLM whose calls are counted."""

    def __init__(self, llm: LLM, meter: Meter) -> None:
        self._llm, self._meter = llm, meter

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
    ) -> Completion:
        return await self._meter.count(
            lambda: self._llm.complete(messages, tools, response_schema=response_schema, sampling=sampling)
        )

    async def aclose(self) -> None:
        await self._llm.aclose()


def priced(call: ModelCall, budget: Budget) -> ModelCall:
    """Return the call with its cost by the budget's prices where it has none and its tokens are known."""
    given, taken = budget.input_cost_per_million, budget.output_cost_per_million
    prompt, completion = call.prompt_tokens, call.completion_tokens
    if call.cost_usd is not None or given is None or taken is None or prompt is None or completion is None:
        return call
    return call.model_copy(update={"cost_usd": (prompt * given + completion * taken) / 1_000_000})


def unbounded(call: ModelCall, budget: Budget) -> str:
    """Return why a bound of the budget cannot hold with such calls, and the next move; or nothing."""
    untold = call.prompt_tokens is None or call.completion_tokens is None
    unpriced = call.cost_usd is None and budget.cost_usd is not None
    if untold and (budget.tokens is not None or unpriced):
        bound = f"{budget.tokens} tokens" if budget.tokens is not None else f"{budget.cost_usd:.12g} dollars"
        return (
            f"{call.model} does not tell how many tokens a call takes, so the budget of {bound} cannot hold. Take that "
            "bound off and give one in seconds, or have the server report usage; then resume."
        )
    if unpriced:
        return (
            f"The price of {call.model} is not known, so the budget of {budget.cost_usd:.12g} dollars cannot hold. "
            "Give prices per million tokens with the budget, or take that bound off; then resume."
        )
    return ""
