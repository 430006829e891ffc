"""The event loop that the engine works in: uvloop where it is installed, and a collector that stays out of the way."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_COLLECTED_AFTER = 20_000
"""New objects after which the collector looks at the young ones. Hundreds of rollouts in flight are many live objects
and little garbage: by Python's default of 700 a quarter of the engine's processor time went into looking at them."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as asyncio.run does."""
    spare_collector()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def spare_collector() -> None:
    """Have the collector look rarely at what is new, and never at what is there already."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER, 20, 20)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop; it takes about a third off the cost of a model call."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


# ---------------------------------------------------------------- taking turns

_AT_ONCE = 8
"""Coroutines that go on in the same round of the loop."""


class _Turnstile:
    """Lets the first few who come in a round of the loop pass and the others in the rounds behind, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._passed = 0

    async def pass_through(self) -> None:
        if self._passed == 0:
            self._loop.call_soon(self._next_round)
        if self._passed < _AT_ONCE and not self._waiting:
            self._passed += 1
            return
        turn = self._loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self._passed = 0
        while self._waiting and self._passed < _AT_ONCE:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._passed += 1
        if self._passed:
            self._loop.call_soon(self._next_round)


_turnstiles: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turnstile] = WeakKeyDictionary()


async def turn() -> None:
    """Wait for one's turn before work that takes the processor for a while; without delay when few want it.

    The loop sends what was written only when everybody who could go on in a round has done so. When a hundred answers
    come together, the first to go on would have its next request wait for all the others, the models and sandboxes
    would idle meanwhile, and then get all requests in one moment, again and again.
    """
    loop = asyncio.get_running_loop()
    found = _turnstiles.get(loop)
    if found is None:
        found = _turnstiles[loop] = _Turnstile(loop)
    await found.pass_through()
