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
    """At most `attempts` tries. Before try n + 1 it waits `first` * 2^(n-1) seconds times a random factor from 0.5 to
    1.5, at most `longest`, and at least the server's Retry-After. A Retry-After above `patience` seconds ends the
    tries. Client errors are never tried again.
    """

    attempts: int
    first: float = 0.5
    longest: float = 30.0
    patience: float = 120.0
    source: random.Random = field(default_factory=lambda: random.Random(0))
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(self, attempt: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """Return (result, tries). Raises the last ModelError; its message says how often it was tried."""
        tries = 0
        while True:
            tries += 1
            try:
                return await attempt(), tries
            except ModelError as error:
                asked = error.retry_after or 0.0
                if not error.retryable or asked > self.patience or tries >= self.attempts:
                    raise self._final(error, tries) from error.__cause__
                wait = max(asked, self._wait(tries))
            await self.sleep(wait)

    def _wait(self, tries: int) -> float:
        return min(self.longest, self.first * 2.0 ** (tries - 1) * self.source.uniform(0.5, 1.5))

    def _final(self, error: ModelError, tries: int) -> ModelError:
        note = f" (tried {tries} times)" if tries > 1 else ""
        if error.retry_after is not None and error.retry_after > self.patience:
            note += f" It asks to wait {error.retry_after:g} s; the model's patience is {self.patience:g} s."
        return ModelError(error.kind, f"{error}{note}", retry_after=error.retry_after)
