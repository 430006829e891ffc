"""Tasks of the event loop take turns for work that holds the processor."""

from __future__ import annotations

import asyncio

import pytest

from engine.loop import turn


async def test_the_few_go_on_at_once() -> None:
    order: list[str] = []

    async def one(name: str) -> None:
        await turn()
        order.append(name)

    await one("first")
    order.append("here")
    assert order == ["first", "here"]


async def test_many_go_on_a_few_at_a_time_in_order_and_what_else_is_ready_comes_between() -> None:
    order: list[int | str] = []
    loop = asyncio.get_running_loop()

    async def one(number: int) -> None:
        await turn()
        order.append(number)

    def between(left: int) -> None:
        order.append("between")
        if left:
            loop.call_soon(between, left - 1)

    loop.call_soon(between, 20)
    await asyncio.gather(*(one(number) for number in range(100)))
    numbers = [item for item in order if item != "between"]
    assert numbers == list(range(100))
    stretches = "".join("." if item == "between" else "x" for item in order).split(".")
    assert max(map(len, stretches)) <= 16, "a burst went on without giving the loop a chance"
    assert len([part for part in stretches if part]) >= 10


async def test_who_is_cancelled_while_waiting_holds_nobody_up() -> None:
    passed: list[int] = []

    async def one(number: int) -> None:
        await turn()
        passed.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(40)]
    await asyncio.sleep(0)
    for task in tasks[10:30]:
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks, return_exceptions=True)
        await turn()
    assert passed == [*range(10), *range(30, 40)]


@pytest.mark.parametrize("count", [1, 3])
def test_each_loop_has_its_own_turns(count: int) -> None:
    async def main() -> int:
        await asyncio.gather(*(turn() for _ in range(50)))
        return 1

    assert sum(asyncio.run(main()) for _ in range(count)) == count
