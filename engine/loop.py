"""The event loop that the engine works in: uvloop where it is installed, and a collector that stays out of the way."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_COLLECTED_AFTER = 20_000
"""New objects after which the collector looks at the young ones. Hundreds of rollouts in flight are many live objects
and little garbage: by Python's default of 700 a quarter of the engine's processor time went into looking at them."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as asyncio.run does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER, 20, 20)
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop; it takes about a third off the cost of a model call."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
