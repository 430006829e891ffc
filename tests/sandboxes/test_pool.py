"""The warm pool with sandboxes in memory, in a time of its own, so that a busy machine changes nothing."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from engine.errors import InputError, SandboxError
from engine.sandboxes._pool import WarmPool
from engine.types import Environment


class QuickLoop(asyncio.SelectorEventLoop):
    """An event loop that does not wait: when nothing is left to run, its time jumps to the next timer."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def in_quick_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in a QuickLoop."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=QuickLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


@dataclass(eq=False)
class Paper:
    """A sandbox double that notes what the pool does with it."""

    shape: tuple[Any, ...]
    usable: bool = True
    key: str | None = None
    opened: int = 0
    resets: int = 0
    closed: bool = False
    fails_reset: bool = False
    refuses: frozenset[str] = frozenset()
    slow_close: bool = False
    worked: float = 0.0

    async def open(self, environment: Environment, key: str) -> None:
        if environment.key in self.refuses:
            raise InputError("files", "cannot be written.", "Give other files.")
        self.opened += 1
        self.key = key

    async def reset(self) -> None:
        self.resets += 1
        await asyncio.sleep(0)
        if self.fails_reset:
            raise SandboxError("could not be verified")

    async def aclose(self) -> None:
        if self.slow_close:
            self.slow_close = False  # the first to close it is cancelled
            await asyncio.sleep(60)
        self.closed = True


class Factory:
    """Starts paper sandboxes and counts how many start at the same time."""

    def __init__(
        self, seconds: float = 0.0, error: SandboxError | None = None, refuses: frozenset[str] = frozenset()
    ) -> None:
        self.seconds, self.error, self.refuses = seconds, error, refuses
        self.made: list[Paper] = []
        self.now = self.highest = 0

    async def start(self, environment: Environment) -> Any:
        self.now += 1
        self.highest = max(self.highest, self.now)
        try:
            await asyncio.sleep(self.seconds)
            if self.error:
                raise self.error
            self.made.append(Paper(_shape(environment), refuses=self.refuses))
            return self.made[-1]
        finally:
            self.now -= 1


def _shape(environment: Environment) -> tuple[Any, ...]:
    return (environment.network,)


def _pool(factory: Factory, most: int = 4, warm: int = 4, parallel: int = 2) -> WarmPool:
    return WarmPool(factory.start, _shape, most=most, parallel=parallel, warm=warm)


def _environment(key: str = "a", **changes: Any) -> Environment:
    return Environment({}, {}, key=key, **changes)


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@in_quick_time
async def test_prepare_starts_ahead_within_the_bounds() -> None:
    factory = Factory(seconds=0.01)
    pool = _pool(factory, most=8, warm=5, parallel=2)
    await pool.prepare(_environment(), 64)
    await asyncio.sleep(0.15)
    assert (len(factory.made), factory.highest) == (5, 2)
    await pool.prepare(_environment(), 64)
    await asyncio.sleep(0.03)
    assert len(factory.made) == 5
    async with pool.lease(_environment()) as sandbox:
        assert sandbox in factory.made
    await pool.aclose()
    assert all(paper.closed for paper in factory.made)


@in_quick_time
async def test_the_same_key_is_reset_and_another_is_opened() -> None:
    factory = Factory()
    pool = _pool(factory, most=1)
    for key, opened in (("a", 1), ("a", 1), ("b", 2), ("a", 3)):
        async with pool.lease(_environment(key)) as sandbox:
            assert (sandbox.key, factory.made[0].opened) == (key, opened)
        await _settle()
    assert (len(factory.made), factory.made[0].resets) == (1, 4)
    await pool.aclose()


@pytest.mark.parametrize("why", ["commands", "reset", "broken"])
@in_quick_time
async def test_it_is_thrown_away_after(why: str) -> None:
    factory = Factory()
    pool = _pool(factory)
    async with pool.lease(_environment(commands=why == "commands")):
        factory.made[0].fails_reset = why == "reset"
        factory.made[0].usable = why != "broken"
    await _settle()
    assert factory.made[0].closed
    async with pool.lease(_environment()) as sandbox:
        assert sandbox is not factory.made[0]
    await pool.aclose()


@in_quick_time
async def test_whoever_waits_is_served_in_order_and_never_beyond_the_maximum() -> None:
    factory = Factory()
    pool = _pool(factory, most=2)
    order: list[int] = []
    busy = highest = 0

    async def one(number: int) -> None:
        nonlocal busy, highest
        async with pool.lease(_environment()):
            busy += 1
            highest = max(highest, busy)
            order.append(number)
            await asyncio.sleep(0.001)
            busy -= 1

    await asyncio.gather(*(one(n) for n in range(40)))
    assert sorted(order) == list(range(40))
    assert max(abs(place - number) for place, number in enumerate(order)) <= 2
    assert (highest, len(factory.made)) == (2, 2)
    await pool.aclose()


@in_quick_time
async def test_short_leases_do_not_grow_the_pool() -> None:
    factory = Factory(seconds=0.02)
    pool = _pool(factory, most=100, warm=3, parallel=4)

    async def one() -> None:
        async with pool.lease(_environment()):
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(300)))
    assert len(factory.made) <= 3
    await pool.aclose()


@in_quick_time
async def test_long_leases_grow_the_pool() -> None:
    factory = Factory()
    pool = _pool(factory, most=12, warm=2, parallel=4)
    together = asyncio.Event()
    inside = 0

    async def one() -> None:
        nonlocal inside
        async with pool.lease(_environment()):
            inside += 1
            if inside == 12:
                together.set()
            await together.wait()

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(12))), 30)
    assert len(factory.made) == 12
    await pool.aclose()


@pytest.mark.parametrize(("share", "grows"), [(0.0, True), (1.0, False)])
@in_quick_time
async def test_sandboxes_that_fill_the_processors_do_not_grow_the_pool(share: float, grows: bool) -> None:
    factory = Factory(seconds=0.01)
    there = 4
    pool = WarmPool(factory.start, _shape, most=16, parallel=4, warm=there, processors=1)
    await pool.prepare(_environment(), there)
    await asyncio.sleep(0.1)
    assert len(factory.made) == there

    async def one() -> None:
        async with pool.lease(_environment()) as sandbox:
            await asyncio.sleep(0.05)
            sandbox.worked += 0.06 * share

    await asyncio.gather(*(one() for _ in range(there)))
    await asyncio.gather(*(one() for _ in range(40 * there)))
    assert (len(factory.made) > there) == grows
    await pool.aclose()


@in_quick_time
async def test_a_shape_that_does_not_fit_makes_room() -> None:
    factory = Factory()
    pool = _pool(factory, most=1)
    async with pool.lease(_environment()):
        pass
    await _settle()
    began = asyncio.get_running_loop().time()
    async with pool.lease(_environment(network=True)) as sandbox:
        assert sandbox.shape == (True,)
    assert asyncio.get_running_loop().time() == began  # the place is free at once, before the other one is closed
    assert factory.made[0].closed
    await pool.aclose()


@in_quick_time
async def test_a_full_pool_of_one_shape_does_not_starve_another() -> None:
    factory = Factory()
    pool = _pool(factory, most=2, warm=2)
    done = False

    async def crowd() -> None:
        while not done:
            async with pool.lease(_environment()):
                await asyncio.sleep(0.002)

    crowds = [asyncio.create_task(crowd()) for _ in range(6)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        async with pool.lease(_environment(network=True)) as sandbox:
            assert sandbox.shape == (True,)
    done = True
    await asyncio.gather(*crowds)
    assert pool.size <= 2
    await pool.aclose()


@in_quick_time
async def test_a_backend_that_is_gone_fails_everybody_who_waits() -> None:
    pool = _pool(Factory(seconds=0.01, error=SandboxError("gone", gone=True)))

    async def one() -> bool:
        try:
            async with pool.lease(_environment()):
                return False
        except SandboxError as error:
            return error.gone

    assert await asyncio.wait_for(asyncio.gather(*(one() for _ in range(10))), 10) == [True] * 10
    await pool.aclose()


@in_quick_time
async def test_a_cancelled_wait_loses_no_sandbox() -> None:
    factory = Factory()
    pool = _pool(factory, most=1)

    async def wait() -> None:
        async with pool.lease(_environment()):
            raise AssertionError("was cancelled before")

    async with pool.lease(_environment()):
        waiting = [asyncio.create_task(wait()) for _ in range(3)]
        await _settle()
        for task in waiting:
            task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await _settle()
    async with pool.lease(_environment()) as sandbox:
        assert sandbox is factory.made[0]
    assert len(factory.made) == 1
    await pool.aclose()


@in_quick_time
async def test_closing_refuses_whoever_waits() -> None:
    pool = _pool(Factory(), most=1)
    async with pool.lease(_environment()):
        waiting = asyncio.create_task(pool.take(_environment()))
        await _settle()
        await pool.aclose()
        with pytest.raises(SandboxError, match="closed"):
            await waiting
    with pytest.raises(SandboxError, match="closed"):
        await pool.take(_environment())


@in_quick_time
async def test_an_environment_that_cannot_be_opened_fails_no_lease_of_another_one() -> None:
    factory = Factory(seconds=0.01, refuses=frozenset({"bad"}))
    pool = _pool(factory, most=2)
    left = asyncio.create_task(pool.take(_environment("bad")))
    await _settle()
    left.cancel()  # its start goes on
    async with pool.lease(_environment("good")) as sandbox:
        assert sandbox.key == "good"
    with pytest.raises(InputError, match="cannot be written"):
        await pool.take(_environment("bad"))
    await pool.aclose()
    assert all(paper.closed for paper in factory.made)


@in_quick_time
async def test_closing_closes_what_was_being_closed() -> None:
    factory = Factory()
    pool = _pool(factory)
    async with pool.lease(_environment(commands=True)):
        factory.made[0].slow_close = True
    await _settle()
    assert not factory.made[0].closed
    await pool.aclose()
    assert all(paper.closed for paper in factory.made)
