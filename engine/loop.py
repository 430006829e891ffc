"""The engine's event loop: uvloop where it is installed, a garbage collector that runs rarely, and fair turns."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_YOUNG_OBJECTS = 20_000
"""New objects before a collection of the youngest generation. Hundreds of rollouts in flight are many live objects and
little garbage: with Python's default of 700 the collector took a quarter of the engine's processor time."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as asyncio.run does."""
    spare_collector()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def spare_collector() -> None:
    """Make the garbage collector run rarely, and never look at the objects that exist now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop's loop, with which a model call costs about a third less; None without uvloop."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


# ---------------------------------------------------------------- taking turns

_AT_ONCE = 8
"""Coroutines that pass the turnstile in one iteration of the loop."""


class _Turnstile:
    """Lets `_AT_ONCE` coroutines pass in each iteration of the loop, in the order of their arrival."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._passed = 0

    async def pass_through(self) -> None:
        if self._passed == 0:
            self._loop.call_soon(self._next_iteration)
        if self._passed < _AT_ONCE and not self._waiting:
            self._passed += 1
            return
        turn = self._loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_iteration(self) -> None:
        self._passed = 0
        while self._waiting and self._passed < _AT_ONCE:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._passed += 1
        if self._passed:
            self._loop.call_soon(self._next_iteration)


_turnstiles: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turnstile] = WeakKeyDictionary()


async def turn() -> None:
    """Wait before work that needs the processor for a while; returns at once when few coroutines want that.

    Why: the loop writes to sockets only after every coroutine that is ready has run. When a hundred answers arrive
    together, the next request of the first would wait until all hundred are processed; models and sandboxes would idle
    meanwhile, and then get all requests in one moment, again and again.
    """
    loop = asyncio.get_running_loop()
    found = _turnstiles.get(loop)
    if found is None:
        found = _turnstiles[loop] = _Turnstile(loop)
    await found.pass_through()
