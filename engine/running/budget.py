"""Model calls under a budget: prices those without a price, and pauses a batch whose bound cannot be kept.

A bound in tokens or dollars cannot be kept when a model's server reports no token counts or the price is unknown. So
the first call of a batch with such a bound is made alone, and if it cannot be counted the batch pauses before it pays
for another one. If a later call cannot be counted, the batch pauses once the rollouts in flight have finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from engine.errors import ModelError
from engine.protocols import LLM
from engine.running.watch import Ending, Watch
from engine.types import Batch, Budget, Completion, ModelCall, Sampling, Tool, Turn


class Meter:
    """Counts the model calls of one batch."""

    def __init__(self, batch: Batch, watch: Watch) -> None:
        self._batch, self._watch = batch, watch
        self._first_call = asyncio.Lock()
        self._together = batch.budget.tokens is None and batch.budget.cost_usd is None
        """Whether calls may be made at the same time: no bound needs their counts, or the first call was made."""

    def over(self, llm: LLM) -> LLM:
        """Return the model with each of its calls counted here."""
        return _Metered(llm, self)

    async def count(self, complete: Callable[[], Awaitable[Completion]]) -> Completion:
        """Make a call and return its priced completion. Raises ModelError as the call does."""
        if self._together:
            return await self._counted(complete)
        async with self._first_call:
            alone, completion = not self._together, None
            try:
                completion = await self._counted(complete) if alone else None
            except ModelError:
                self._together = True
                raise
            if self._watch.abort is not None:
                if completion is not None:  # its rollout never gets it
                    self._watch.undelivered.append(completion.call)
                # Holding the lock for ever keeps the calls behind from starting; the runner cancels all of them.
                await asyncio.Event().wait()
            self._together = True
        return completion or await self._counted(complete)

    async def _counted(self, complete: Callable[[], Awaitable[Completion]]) -> Completion:
        try:
            completion = await complete()
        except ModelError as error:
            if error.call is not None:
                error.call = self.spent(error.call)
            raise
        call = self.spent(completion.call)
        return completion if call is completion.call else completion.model_copy(update={"call": call})

    def spent(self, call: ModelCall) -> ModelCall:
        """Add a call to what the batch has spent and return it priced. The batch then pauses if its budget is reached
        or cannot be kept. A failed call of which nothing is stated says nothing about the server's counts."""
        if call.uncounted:
            return call
        call = priced(call, self._batch.budget)
        self._watch.spend(call, self._batch)
        if reason := unbounded_reason(call, self._batch.budget):
            if self._together:
                self._watch.drain = self._watch.drain or Ending("paused", reason)
            else:
                self._watch.abort = self._watch.abort or Ending("paused", reason)
        return call


class _Metered:
    """An LLM whose calls a Meter counts."""

    def __init__(self, llm: LLM, meter: Meter) -> None:
        self._llm, self._meter = llm, meter

    async def complete(
        self,
        messages: Sequence[Turn],
        tools: Sequence[Tool] = (),
        *,
        response_schema: dict[str, Any] | None = None,
        sampling: Sampling | None = None,
        states: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Completion:
        more: dict[str, Any] = {} if states is None else {"states": states}
        return await self._meter.count(
            lambda: self._llm.complete(messages, tools, response_schema=response_schema, sampling=sampling, **more)
        )

    async def aclose(self) -> None:
        await self._llm.aclose()


def priced(call: ModelCall, budget: Budget) -> ModelCall:
    """Return the call with its cost in dollars by the budget's prices; as it is when it has a cost or lacks tokens."""
    prompt_price, completion_price = budget.input_cost_per_million, budget.output_cost_per_million
    prompt, completion = call.prompt_tokens, call.completion_tokens
    if call.cost_usd is not None or prompt_price is None or completion_price is None:
        return call
    if prompt is None or completion is None:
        return call
    return call.model_copy(update={"cost_usd": (prompt * prompt_price + completion * completion_price) / 1_000_000})


def unbounded_reason(call: ModelCall, budget: Budget) -> str:
    """Return why a bound of the budget cannot be kept with such calls, and the next move; "" when all can be kept."""
    uncounted = call.prompt_tokens is None or call.completion_tokens is None
    unpriced = call.cost_usd is None and budget.cost_usd is not None
    if uncounted and (budget.tokens is not None or unpriced):
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
