"""Retry a model call with growing waits, unless its error is one that no retry can cure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from engine.errors import ModelError

T = TypeVar("T")


@dataclass
class Retry:
    """At most `attempts` tries that fail. Before the next one it waits `first` * 2^(n-1) seconds after the nth failure,
    a fifth of `first` after the first one, because most failures do not come twice; times a random factor from 0.5 to
    1.5, at most `longest`, and at least the server's Retry-After. Client errors are never tried again.

    A rate limit is no failure of a try: it is waited out, the first time for the Retry-After alone where there is one,
    until the waits of the call sum up to more than `patience` seconds. A longer Retry-After ends the tries as well.
    With one attempt nothing is tried again.
    """

    attempts: int
    first: float = 0.5
    longest: float = 30.0
    patience: float = 120.0
    source: random.Random = field(default_factory=lambda: random.Random(0))
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(self, attempt: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """Return (result, tries). Raises the last ModelError; its message says how often it was tried."""
        failed, limited, waited = 0, 0, 0.0
        while True:
            try:
                return await attempt(), failed + limited + 1
            except ModelError as error:
                if error.kind == "rate_limit":
                    limited += 1
                    wait = self._wait_for_limit(limited, error.retry_after)
                    waited += wait
                    over = waited > self.patience
                else:
                    failed += 1
                    wait = max(error.retry_after or 0.0, self._wait(failed))
                    over = failed >= self.attempts or (error.retry_after or 0.0) > self.patience
                if not error.retryable or over or self.attempts == 1:
                    raise self._final(error, failed + limited, waited) from error.__cause__
            await self.sleep(wait)

    def _wait(self, failed: int) -> float:
        times = 0.2 if failed == 1 else 2.0 ** min(failed - 1, 30)
        return min(self.longest, self.first * times * self.source.uniform(0.5, 1.5))

    def _wait_for_limit(self, limited: int, asked: float | None) -> float:
        """Return how long to wait after so many rate limits; a little longer than asked, so that not all come back at
        once."""
        if asked is None:
            return self._wait(limited)
        own = self._wait(limited - 1) if limited > 1 else 0.0
        return max(asked * self.source.uniform(1.0, 1.1), own)

    def _final(self, error: ModelError, tries: int, waited: float) -> ModelError:
        note = f" (tried {tries} times)" if tries > 1 else ""
        if error.retry_after is not None and error.retry_after > self.patience:
            note += f" It asks to wait {error.retry_after:g} s; the model's patience is {self.patience:g} s."
        elif waited > self.patience:
            note += f" The waits would sum up to {waited:.0f} s; the model's patience is {self.patience:g} s."
        return ModelError(error.kind, f"{error}{note}", retry_after=error.retry_after)
