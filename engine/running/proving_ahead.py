"""Proves the tasks of the next rollouts while others go on, so that a rollout rarely waits for its proof."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from engine.types import RolloutSpec


class ProvingAhead:
    """`prove` proves the task of a spec and keeps the proof, `ahead` is how many specs are drawn ahead of the one that
    is handed out. A proof that fails here is dropped: the rollout that needs it proves the task again and reports what
    it meets, and so does one that takes more than `seconds`."""

    def __init__(self, prove: Callable[[RolloutSpec], Awaitable[Any]], ahead: int, seconds: float) -> None:
        self._prove, self._ahead, self._seconds = prove, ahead, seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def over(self, specs: Iterable[RolloutSpec]) -> Iterator[RolloutSpec]:
        """Yield the same specs in their order. Each is proved ahead but for the first ones, which begin at once."""
        waiting: deque[RolloutSpec] = deque()
        for spec in specs:
            waiting.append(spec)
            if len(waiting) <= self._ahead:
                continue
            self._begin(spec)
            yield waiting.popleft()
        yield from waiting

    async def aclose(self) -> None:
        """Cancel the proofs that are being made, and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, spec: RolloutSpec) -> None:
        if self._ahead and spec.task is not None:
            task = asyncio.get_running_loop().create_task(self._one(spec))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _one(self, spec: RolloutSpec) -> None:
        with suppress(Exception):
            async with asyncio.timeout(self._seconds):
                await self._prove(spec)
