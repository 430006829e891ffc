"""One event loop on this machine.

Keeps at most `concurrency` rollouts in flight and pulls the next spec only when one has finished, so a plan of
a million specs takes no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from engine.types import Frozen, RolloutSpec, Trajectory

__all__ = ["LocalExecutor"]


class Config(Frozen):
    """No options: the concurrency belongs to the batch."""


class LocalExecutor:
    """Runs rollouts as asyncio tasks."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def run(
        self,
        work: Callable[[RolloutSpec], Awaitable[Trajectory]],
        specs: Iterable[RolloutSpec],
        concurrency: int,
    ) -> AsyncIterator[Trajectory]:
        """Yield trajectories as they finish. The first exception of `work` cancels the others and is raised,
        after everything that had finished before it was yielded."""
        waiting = iter(specs)
        flying: set[asyncio.Task[Trajectory]] = set()
        try:
            while True:
                while len(flying) < concurrency and (spec := next(waiting, None)) is not None:
                    flying.add(asyncio.ensure_future(work(spec)))
                if not flying:
                    return
                done, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                failed: BaseException | None = None
                for task in done:
                    error = task.exception()
                    if error is None:
                        yield task.result()
                    failed = failed or error
                if failed is not None:
                    raise failed
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)
