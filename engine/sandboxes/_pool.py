"""The warm pool: hands started sandboxes to leases, reuses them, and decides when to start another one.

A sandbox is reset and reused for the same environment. For another environment of the same shape (what a sandbox is
made with and cannot change later) it is reset and opened with that environment. After commands or a failed reset it is
thrown away. Starting a sandbox costs far more than a reset, so the pool grows only when waiting would take longer than
a few starts, or has stalled, and rarely while the sandboxes at work fill the processors: more would only slow them.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar

from engine.errors import SandboxError, TurnwrightError
from engine.sandboxes._remote import RemoteSandbox, key_of
from engine.types import Environment

_STALLED = 1.0
"""Seconds in which no waiting lease got a sandbox, after which one is started."""
_PATIENCE = 0.5
"""Seconds after which the lease that has waited longest gets a free sandbox, even if another one could use it without
opening a new environment."""
_OTHER_SHAPE_PATIENCE = 1.0
"""Seconds after which a lease of another shape gets the place of a sandbox in a full pool. Longer than _PATIENCE,
because it costs a start."""
_SHORT = 1.0
"""Seconds. Shorter leases are taken to spend their time computing, not waiting for a model, so the time that their
sandboxes work counts as processor time."""
_FULL_PER_PROCESSOR = 2
"""Sandboxes at work per processor, above which another one adds nothing."""
_STARTS_WORTH_WAITING = 3
"""A lease waits rather than starts a sandbox, until the wait would take longer than so many starts: a start takes
processor time from the sandboxes at work."""
_SHORTEST_WAIT = 1.0
"""Seconds. For a shorter wait no sandbox is started, however quickly one starts."""
_LOOK_AGAIN = 0.05
"""Least seconds between two decisions about the same waiting lease."""
_NEWEST = 0.3
"""Weight of the newest start in the moving average of the length of a start."""
_NEWEST_LEASE = 0.1
"""Weight of the newest lease in the moving averages of leases, which vary more."""


def _now() -> float:
    """Return the event loop's time in seconds, which tests run faster than the clock."""
    return asyncio.get_running_loop().time()


@dataclass
class _Waiter:
    environment: Environment
    key: str
    shape: tuple[Any, ...]
    future: asyncio.Future[RemoteSandbox]
    since: float = field(default_factory=_now)


class WarmPool:
    """Keeps at most `most` sandboxes, starts at most `parallel` of them at once, and keeps `warm` started ahead.

    `start` starts one for an environment, `shape` returns the shape of an environment. `processors` is how many the
    sandboxes share; those of this machine when it is None.
    """

    def __init__(
        self,
        start: Callable[[Environment], Awaitable[RemoteSandbox]],
        shape: Callable[[Environment], tuple[Any, ...]],
        *,
        most: int,
        parallel: int,
        warm: int,
        processors: float | None = None,
    ) -> None:
        self._start, self._shape = start, shape
        self._most, self._warm = most, warm
        self._starts = asyncio.Semaphore(parallel)
        self._idle: list[RemoteSandbox] = []
        self._all: set[RemoteSandbox] = set()
        self._closing: set[RemoteSandbox] = set()
        """Thrown away, but not closed yet."""
        self._starting: dict[tuple[Any, ...], int] = {}
        self._waiting: deque[_Waiter] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lease_seconds: float | None = None
        """Moving average of the length of a lease; None before the first one ended."""
        self._worked_share = 0.0
        """Moving average of the share of a lease in which the sandbox worked."""
        self._full_at = _FULL_PER_PROCESSOR * (processors or os.cpu_count() or 1)
        self._start_seconds = 0.3
        """Moving average of the length of a start; a guess before the first one."""
        self._handed_over = -math.inf
        """When a waiting lease last got a sandbox."""
        self._closed = False

    @property
    def size(self) -> int:
        """The number of sandboxes, those that are starting included."""
        return len(self._all) + sum(self._starting.values())

    def lease(self, environment: Environment) -> Lease:
        return Lease(self, environment)

    async def prepare(self, environment: Environment, width: int) -> None:
        """Start sandboxes ahead in the background, up to `width` and the configured number of warm ones."""
        shape = self._shape(environment)
        there = sum(s.shape == shape for s in self._all) + self._starting.get(shape, 0)
        # `there` of this shape are part of the size, so the maximum leaves this shape most - size + there
        for _ in range(min(width, self._warm, self._most - self.size + there) - there):
            self._grow(environment, shape)

    async def aclose(self) -> None:
        """Close every sandbox; leases that wait raise SandboxError."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.future.done():
                waiter.future.set_exception(SandboxError("The sandboxes were closed."))
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        everyone = self._all | self._closing  # the tasks that would have closed the latter were cancelled above
        self._all, self._closing, self._idle = set(), set(), []
        await asyncio.gather(*(sandbox.aclose() for sandbox in everyone))

    # ------------------------------------------------------------ taking

    async def take(self, environment: Environment) -> RemoteSandbox:
        """Return a sandbox that holds `environment` untouched. Raises SandboxError, InputError."""
        if self._closed:
            raise SandboxError("The sandboxes are closed.")
        key, shape = key_of(environment), self._shape(environment)
        sandbox = self._from_idle(key, shape)
        if sandbox is None:
            sandbox = await self._wait(environment, key, shape)
        if sandbox.key == key:
            return sandbox
        try:
            await sandbox.open(environment, key)
        except BaseException:
            self._throw_away(sandbox)
            raise
        return sandbox

    def _from_idle(self, key: str, shape: tuple[Any, ...]) -> RemoteSandbox | None:
        """Remove and return an idle sandbox: the last used one with this key, else the longest unused one of this
        shape; None when there is neither."""
        while True:
            found = next((s for s in reversed(self._idle) if s.key == key and s.shape == shape), None)
            found = found or next((s for s in self._idle if s.shape == shape), None)
            if found is None:
                return None
            self._idle.remove(found)
            if found.usable:
                return found
            self._throw_away(found)

    async def _wait(self, environment: Environment, key: str, shape: tuple[Any, ...]) -> RemoteSandbox:
        loop = asyncio.get_running_loop()
        waiter = _Waiter(environment, key, shape, loop.create_future())
        self._waiting.append(waiter)
        self._start_or_look_later(waiter)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled() and waiter.future.exception() is None:
                self._offer(waiter.future.result())  # it was handed over just as the lease was cancelled
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _start_or_look_later(self, waiter: _Waiter) -> None:
        """Start another sandbox for a waiting lease if that is quicker than waiting; else decide again later."""
        if waiter.future.done() or self._closed:
            return
        if len(self._waiting) > self._starting.get(waiter.shape, 0) and self._worth_a_start(waiter):
            if self.size >= self._most:
                self._make_room(waiter.shape)
            if self.size < self._most:
                self._grow(waiter.environment, waiter.shape)
                return
        asyncio.get_running_loop().call_later(max(self._start_seconds, _LOOK_AGAIN), self._start_or_look_later, waiter)

    def _worth_a_start(self, waiter: _Waiter) -> bool:
        """Return whether another sandbox is worth its start. The order of the rules counts."""
        fitting = sum(s.shape == waiter.shape for s in self._all) + self._starting.get(waiter.shape, 0)
        if not fitting:
            return True
        if self._lease_seconds is None and fitting < self._warm:
            return True
        if _now() - max(self._handed_over, waiter.since) > _STALLED:
            return True
        if self._lease_seconds is None:
            return False
        if fitting >= self._warm and self._lease_seconds < _SHORT and fitting * self._worked_share >= self._full_at:
            return False
        busy = max(1, len(self._all) - len(self._idle))
        wait = self._lease_seconds * len(self._waiting) / busy
        return wait > max(_STARTS_WORTH_WAITING * self._start_seconds, _SHORTEST_WAIT)

    def _make_room(self, shape: tuple[Any, ...]) -> None:
        """Close an idle sandbox that cannot serve this shape."""
        other = next((s for s in self._idle if s.shape != shape), None)
        if other is not None:
            self._idle.remove(other)
            self._throw_away(other)

    # ------------------------------------------------------------ starting

    def _grow(self, environment: Environment, shape: tuple[Any, ...]) -> None:
        self._starting[shape] = self._starting.get(shape, 0) + 1
        self._spawn(self._start_one(environment, shape))

    async def _start_one(self, environment: Environment, shape: tuple[Any, ...]) -> None:
        sandbox, key = None, key_of(environment)
        try:
            async with self._starts:
                began = _now()
                sandbox = await self._start(environment)
                self._start_seconds += _NEWEST * (_now() - began - self._start_seconds)
                self._all.add(sandbox)
                await sandbox.open(environment, key)
        except Exception as error:
            if sandbox is not None:
                self._throw_away(sandbox)
            known = isinstance(error, TurnwrightError)
            refusal = error if known else SandboxError(f"A sandbox could not start: {error!r}")
            self._refuse(shape, refusal, key if sandbox is not None else None)
            return
        finally:
            self._starting[shape] -= 1
        self._offer(sandbox)

    def _refuse(self, shape: tuple[Any, ...], error: Exception, key: str | None) -> None:
        """Let one waiting lease of this shape raise the error of a failed start; all leases when the backend is gone.
        `key` names the environment that could not be opened: no lease of another environment raises that."""
        gone = isinstance(error, SandboxError) and error.gone
        for waiter in [w for w in self._waiting if gone or (w.shape == shape and key in (None, w.key))]:
            if not waiter.future.done():
                waiter.future.set_exception(error)
                self._waiting.remove(waiter)
                if not gone:
                    return

    # ------------------------------------------------------------ giving back

    def give_back(self, sandbox: RemoteSandbox, environment: Environment, seconds: float, worked: float) -> None:
        """Reset or discard a sandbox in the background; after the reset a waiting lease gets it.

        The lease took `seconds`; for `worked` seconds of them the sandbox was working on a request.
        """
        known = self._lease_seconds
        share = min(1.0, worked / max(seconds, 1e-6))
        self._worked_share += (1.0 if known is None else _NEWEST_LEASE) * (share - self._worked_share)
        self._lease_seconds = seconds if known is None else known + _NEWEST_LEASE * (seconds - known)
        self._spawn(self._recycle(sandbox, environment))

    async def _recycle(self, sandbox: RemoteSandbox, environment: Environment) -> None:
        if self._closed or environment.commands or not sandbox.usable:
            self._replace(sandbox, environment)
            return
        try:
            await sandbox.reset()
        except Exception:  # whatever happened, this sandbox may not be clean
            self._replace(sandbox, environment)
            return
        if sandbox.usable:
            self._offer(sandbox)
        else:
            self._replace(sandbox, environment)

    def _replace(self, sandbox: RemoteSandbox, environment: Environment) -> None:
        self._throw_away(sandbox)
        shape = self._shape(environment)
        ready_or_starting = sum(s.shape == shape for s in self._idle) + self._starting.get(shape, 0)
        if not self._closed and (self._waiting or environment.commands) and ready_or_starting < self._warm:
            self._grow(environment, shape)

    def _throw_away(self, sandbox: RemoteSandbox) -> None:
        """Take a sandbox out of the pool, so that its place is free at once, and close it in the background."""
        self._all.discard(sandbox)
        self._closing.add(sandbox)
        self._spawn(self._close(sandbox))

    async def _close(self, sandbox: RemoteSandbox) -> None:
        await sandbox.aclose()
        self._closing.discard(sandbox)

    def _offer(self, sandbox: RemoteSandbox) -> None:
        """Hand a clean sandbox to a waiting lease, or keep it idle."""
        if self._closed or not sandbox.usable:
            self._throw_away(sandbox)
            return
        fitting = [w for w in self._waiting if w.shape == sandbox.shape and not w.future.done()]
        if not fitting:
            self._idle.append(sandbox)
            return
        if self._give_place_to_other_shape(sandbox):
            return
        chosen = fitting[0]
        if chosen.key != sandbox.key and _now() - chosen.since < _PATIENCE:
            chosen = next((w for w in fitting if w.key == sandbox.key), chosen)
        self._waiting.remove(chosen)
        self._handed_over = _now()
        chosen.future.set_result(sandbox)

    def _give_place_to_other_shape(self, sandbox: RemoteSandbox) -> bool:
        """When the pool is full and a lease of another shape has waited too long, start a sandbox for it in the place
        of this one, which is thrown away. Returns whether that was done."""
        oldest = self._waiting[0]
        if oldest.shape == sandbox.shape or self.size < self._most or self._starting.get(oldest.shape):
            return False
        if _now() - oldest.since < _OTHER_SHAPE_PATIENCE:
            return False
        self._throw_away(sandbox)
        self._grow(oldest.environment, oldest.shape)
        return True

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Pooled:
    """What the backends share: leases of a WarmPool, which a backend makes in `start`. `title` begins its sentences."""

    title: ClassVar[str]

    def __init__(self) -> None:
        self._pool: WarmPool | None = None

    async def prepare(self, environment: Environment, width: int) -> None:
        self._refuse(environment)
        await self._running().prepare(environment, width)

    def lease(self, environment: Environment) -> Lease:
        self._refuse(environment)
        return self._running().lease(environment)

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def _refuse(self, environment: Environment) -> None:
        """Raise SandboxError for an environment that the backend cannot give."""

    def _running(self) -> WarmPool:
        if self._pool is None:
            raise SandboxError(f"The {self.title} sandbox was not started.")
        return self._pool


class Lease:
    """The context manager of one lease."""

    def __init__(self, pool: WarmPool, environment: Environment) -> None:
        self._pool, self._environment = pool, environment
        self._sandbox: RemoteSandbox | None = None
        self._began = self._worked = 0.0

    async def __aenter__(self) -> RemoteSandbox:
        self._sandbox = await self._pool.take(self._environment)
        self._began, self._worked = _now(), self._sandbox.worked
        return self._sandbox

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            seconds = _now() - self._began
            self._pool.give_back(sandbox, self._environment, seconds, sandbox.worked - self._worked)
