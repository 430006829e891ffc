"""Runs rollouts as tasks of one event loop, at most `concurrency` at once.

The next spec is pulled only when a rollout has finished, so a plan of a million specs takes no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from engine.errors import SandboxError

Unit = TypeVar("Unit")
Done = TypeVar("Done")


class Executor(Protocol):
    """Keeps at most `concurrency` rollouts in flight; yields results as they finish."""

    def run(
        self,
        work: Callable[[Unit], Awaitable[Done]],
        specs: Iterable[Unit],
        concurrency: int,
    ) -> AsyncIterator[Done]: ...


class LocalExecutor(Executor):
    """Runs rollouts as asyncio tasks."""

    async def run(
        self,
        work: Callable[[Unit], Awaitable[Done]],
        specs: Iterable[Unit],
        concurrency: int,
    ) -> AsyncIterator[Done]:
        """Yield trajectories as they finish. The first exception of `work` cancels the other rollouts and is raised,
        after all trajectories that were finished by then are yielded. Closing the generator cancels the rollouts in
        flight and waits for them."""
        waiting = iter(specs)
        running: set[asyncio.Task[Done]] = set()
        finished: list[asyncio.Task[Done]] = []
        any_finished = asyncio.Event()

        def note(task: asyncio.Task[Done]) -> None:
            finished.append(task)
            any_finished.set()

        try:
            while True:
                while len(running) < concurrency and (spec := next(waiting, None)) is not None:
                    task = asyncio.ensure_future(work(spec))
                    task.add_done_callback(note)
                    running.add(task)
                if not running:
                    return
                await any_finished.wait()
                any_finished.clear()
                done, finished[:] = finished[:], ()
                failed = next((error for task in done if (error := _error(task)) is not None), None)
                if failed is not None:
                    await _cancel(running)
                    done = list(running)
                for task in done:
                    running.discard(task)
                    if _error(task) is None:
                        yield task.result()
                if failed is not None:
                    raise failed
        finally:
            await _cancel(running)


def _error(task: asyncio.Task[Done]) -> BaseException | None:
    """Return the exception of a finished task, None when it gave a trajectory."""
    if task.cancelled():  # by its own code: a CancelledError raised on would look as if the executor were cancelled
        return SandboxError("A rollout was cancelled from inside.")
    return task.exception()


async def _cancel(tasks: set[asyncio.Task[Done]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
