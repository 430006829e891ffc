"""What every executor promises: a bound, all results once, lazy specs, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from engine.errors import SandboxError
from engine.executors.local import Executor, LocalExecutor
from engine.planning.planner import plan
from engine.rolling.rollout import rollout
from engine.serving.choice import open_pool
from engine.types import Domain, Persona, RolloutSpec, Trajectory
from tests.engines import wired
from tests.samples.batches import batch_of
from tests.samples.trajectories import balance_trajectory

COUNT, WIDTH = 40, 5


@pytest.fixture(params=[LocalExecutor])
def executor(request: pytest.FixtureRequest) -> Executor:
    made: Executor = request.param()
    return made


@pytest_asyncio.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - {asyncio.current_task()} <= before


@pytest.fixture
def specs(ledger: Domain, persona: Persona) -> list[RolloutSpec]:
    return list(plan(batch_of(ledger, trajectories=COUNT), {ledger.digest: ledger}, [persona]))


class Work:
    """Takes a moment that differs by index (a minute for `slow`), keeps count of what flies, fails where `faults`
    says."""

    def __init__(self, faults: dict[int, BaseException] | None = None, slow: int | None = None) -> None:
        self.flying = self.most = self.ended = 0
        self.faults, self.slow = faults or {}, slow

    async def __call__(self, spec: RolloutSpec) -> Trajectory:
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await asyncio.sleep(60 if spec.index == self.slow else 0.001 * (1 + spec.index % 3))
            if spec.index in self.faults:
                raise self.faults[spec.index]
            return balance_trajectory().model_copy(update={"id": spec.id, "index": spec.index})
        finally:
            self.flying -= 1
            self.ended += 1


async def received(results: AsyncIterator[Trajectory], into: list[int]) -> None:
    async for result in results:
        into.append(result.index)


async def test_all_results_arrive_once_and_the_bound_holds(executor: Executor, specs: list[RolloutSpec]) -> None:
    work = Work()
    found = [result.index async for result in executor.run(work, specs, WIDTH)]
    assert sorted(found) == list(range(COUNT))
    assert work.most == WIDTH


async def test_more_width_than_specs_and_no_spec_at_all(executor: Executor, specs: list[RolloutSpec]) -> None:
    assert len([r async for r in executor.run(Work(), specs[:3], 50)]) == 3
    assert [r async for r in executor.run(Work(), [], WIDTH)] == []


async def test_specs_are_pulled_as_places_become_free(executor: Executor, specs: list[RolloutSpec]) -> None:
    pulled = 0

    def counted() -> Iterator[RolloutSpec]:
        nonlocal pulled
        for spec in specs:
            pulled += 1
            yield spec

    async with aclosing(executor.run(Work(), counted(), WIDTH)) as results:  # type: ignore[type-var]
        arrived = 0
        async for _ in results:
            arrived += 1
            assert pulled <= arrived + 2 * WIDTH
    assert pulled == COUNT


async def test_a_fault_ends_it_after_what_had_finished(executor: Executor, specs: list[RolloutSpec]) -> None:
    work = Work({12: SandboxError("gone", gone=True)})
    found: list[int] = []
    with pytest.raises(SandboxError, match="gone"):
        await received(executor.run(work, specs, WIDTH), found)
    assert work.flying == 0
    assert set(range(8)) <= set(found)
    assert len(found) == len(set(found))
    assert work.ended < COUNT


async def test_what_finishes_beside_a_fault_is_not_lost(executor: Executor, specs: list[RolloutSpec]) -> None:
    done: set[int] = set()

    async def together(spec: RolloutSpec) -> Trajectory:
        await asyncio.sleep(0)
        if spec.index == 0:
            raise SandboxError("gone", gone=True)
        done.add(spec.index)
        return balance_trajectory().model_copy(update={"index": spec.index})

    found: list[int] = []
    with pytest.raises(SandboxError, match="gone"):
        await received(executor.run(together, specs, WIDTH), found)
    assert sorted(found) == sorted(done) == list(range(1, WIDTH))


async def test_work_cancelled_from_inside_is_a_fault(executor: Executor, specs: list[RolloutSpec]) -> None:
    with pytest.raises(SandboxError, match="cancelled"):
        await received(executor.run(Work({2: asyncio.CancelledError()}), specs, WIDTH), [])


async def test_closing_early_leaves_no_task(executor: Executor, specs: list[RolloutSpec]) -> None:
    work = Work(slow=specs[1].index)
    async with aclosing(executor.run(work, specs, WIDTH)) as results:  # type: ignore[type-var]
        await anext(results)
        assert work.flying > 0
    assert work.flying == 0


async def test_whole_rollouts_pass_through(executor: Executor, specs: list[RolloutSpec], ledger: Domain) -> None:
    pool = await open_pool("local")
    try:
        parts = wired(batch_of(ledger, trajectories=COUNT), ledger, pool)
        found = [result async for result in executor.run(lambda spec: rollout(spec, parts), specs[:10], 4)]
    finally:
        await pool.aclose()
    assert {result.id for result in found} == {spec.id for spec in specs[:10]}
    assert {result.status for result in found} <= {"kept", "rejected"}


async def test_a_successor_starts_before_the_result_is_taken(executor: Executor, specs: list[RolloutSpec]) -> None:
    work = Work()
    async with aclosing(executor.run(work, specs, WIDTH)) as results:
        await anext(results)
        await asyncio.sleep(0.1)  # all in flight have ended long ago, and nobody took their results
        assert WIDTH < work.ended <= 2 * WIDTH + 1, "results must not pile up either"
        assert len([one async for one in results]) == COUNT - 1


async def test_a_plan_that_breaks_off_is_raised(executor: Executor, specs: list[RolloutSpec]) -> None:
    def broken() -> Iterator[RolloutSpec]:
        yield from specs[: WIDTH + 2]
        raise SandboxError("no more of this plan")

    async def collect(found: list[int]) -> None:
        async for one in executor.run(Work(), broken(), WIDTH):
            found.append(one.index)

    found: list[int] = []
    with pytest.raises(SandboxError, match="no more of this plan"):
        await collect(found)
    assert found
    assert set(found) <= set(range(WIDTH + 2))
