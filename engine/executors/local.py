"""Runs rollouts as tasks of one event loop, at most `concurrency` at once.

The next spec is pulled only when a rollout has finished, so a plan of a million specs takes no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

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
        flight = _Flight(work, iter(specs), concurrency)
        try:
            flight.fill()
            while flight.running or flight.finished or flight.fault:
                await flight.landed.wait()
                if flight.fault is None:
                    yield flight.oldest().result()
                    flight.fill()
                    continue
                await flight.stop()
                for task in flight.finished:
                    if _error(task) is None:
                        yield task.result()
                raise flight.fault
        finally:
            await flight.stop()


class _Flight(Generic[Unit, Done]):
    """The tasks in flight, and those that ended and were not taken yet.

    A task that ends has its successor started at once, not when its result is taken: between these two the event loop
    may run hundreds of other coroutines. So that results cannot pile up, none is started while as many as may be in
    flight wait to be taken.
    """

    def __init__(self, work: Callable[[Unit], Awaitable[Done]], waiting: Iterator[Unit], concurrency: int) -> None:
        self._work, self._waiting, self._concurrency = work, waiting, concurrency
        self._stopped = False
        self.running: set[asyncio.Task[Done]] = set()
        self.finished: deque[asyncio.Task[Done]] = deque()
        self.landed = asyncio.Event()
        """Set while there is anything to take, or a fault."""
        self.fault: BaseException | None = None
        """The first exception of a task or of the specs."""

    def fill(self) -> None:
        """Start tasks until as many as may be are in flight."""
        while len(self.running) < self._concurrency and len(self.finished) < self._concurrency:
            if self._stopped or self.fault is not None or (spec := self._following()) is None:
                return
            task = asyncio.ensure_future(self._work(spec))
            task.add_done_callback(self._land)
            self.running.add(task)

    def _following(self) -> Unit | None:
        try:
            return next(self._waiting, None)
        except Exception as error:  # raised where results are taken, after those that are there
            self.fault = error
            self.landed.set()
            return None

    def oldest(self) -> asyncio.Task[Done]:
        """Take the task that ended first."""
        task = self.finished.popleft()
        if not self.finished:
            self.landed.clear()
        return task

    async def stop(self) -> None:
        """Cancel the tasks in flight and wait for them; none is started any more."""
        self._stopped = True
        running = list(self.running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _land(self, task: asyncio.Task[Done]) -> None:
        self.running.discard(task)
        self.finished.append(task)
        self.landed.set()
        if not self._stopped:
            self.fault = self.fault or _error(task)
            self.fill()


def _error(task: asyncio.Task[Done]) -> BaseException | None:
    """Return the exception of a finished task, None when it gave a trajectory."""
    if task.cancelled():  # by its own code: a CancelledError raised on would look as if the executor were cancelled
        return SandboxError("A rollout was cancelled from inside.")
    return task.exception()
