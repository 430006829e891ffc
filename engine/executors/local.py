"""One event loop on this machine.

Keeps at most `concurrency` rollouts in flight and pulls the next spec only when one has finished, so a plan of
a million specs takes no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol

from engine.errors import SandboxError
from engine.types import RolloutSpec, Trajectory


class Executor(Protocol):
    """Keeps at most `concurrency` rollouts in flight; yields results as they finish."""

    def run(
        self,
        work: Callable[[RolloutSpec], Awaitable[Trajectory]],
        specs: Iterable[RolloutSpec],
        concurrency: int,
    ) -> AsyncIterator[Trajectory]: ...


class LocalExecutor(Executor):
    """Runs rollouts as asyncio tasks."""

    async def run(
        self,
        work: Callable[[RolloutSpec], Awaitable[Trajectory]],
        specs: Iterable[RolloutSpec],
        concurrency: int,
    ) -> AsyncIterator[Trajectory]:
        """Yield trajectories as they finish. The first exception of `work` cancels the others and is raised, after
        everything that had finished was yielded. Closing the generator cancels what is in flight and waits for it."""
        waiting = iter(specs)
        flying: set[asyncio.Task[Trajectory]] = set()
        landed: list[asyncio.Task[Trajectory]] = []
        some = asyncio.Event()

        def land(task: asyncio.Task[Trajectory]) -> None:
            landed.append(task)
            some.set()

        try:
            while True:
                while len(flying) < concurrency and (spec := next(waiting, None)) is not None:
                    task = asyncio.ensure_future(work(spec))
                    task.add_done_callback(land)
                    flying.add(task)
                if not flying:
                    return
                await some.wait()
                some.clear()
                done, landed[:] = landed[:], ()
                failed = next((error for task in done if (error := _error(task)) is not None), None)
                if failed is not None:
                    await _cancel(flying)
                    done = list(flying)
                for task in done:
                    flying.discard(task)
                    if _error(task) is None:
                        yield task.result()
                if failed is not None:
                    raise failed
        finally:
            await _cancel(flying)


def _error(task: asyncio.Task[Trajectory]) -> BaseException | None:
    """Return what a finished task raised. One that was cancelled from inside must not look like our own end."""
    if task.cancelled():
        return SandboxError("A rollout was cancelled from inside.")
    return task.exception()


async def _cancel(flying: set[asyncio.Task[Trajectory]]) -> None:
    for task in flying:
        task.cancel()
    await asyncio.gather(*flying, return_exceptions=True)
