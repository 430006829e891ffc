"""Proofs that are made ahead of their rollouts: how far ahead, what a failing or slow one does, and the end."""

from __future__ import annotations

import asyncio

import pytest

from engine.running.proving_ahead import ProvingAhead
from engine.types import RolloutSpec
from tests.samples.personas import ADA
from tests.samples.tasks import balance_task


def specs(number: int) -> list[RolloutSpec]:
    task = balance_task()
    one = RolloutSpec(
        id="r0", index=0, attempt=0, domain="bank", domain_digest="0", persona=ADA, task=task, seed=1, mode="single"
    )
    return [one.model_copy(update={"id": f"r{index}", "index": index}) for index in range(number)]


class Proving:
    """Notes which specs were proved, and how each of them ended."""

    def __init__(self, *, seconds: float = 0.0, fault: Exception | None = None) -> None:
        self.began: list[int] = []
        self.ended: list[str] = []
        self.seconds, self.fault = seconds, fault

    async def __call__(self, spec: RolloutSpec) -> None:
        self.began.append(spec.index)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("done")
        if self.fault is not None:
            raise self.fault


async def test_specs_keep_their_order_and_are_proved_so_many_ahead() -> None:
    prove = Proving()
    proving = ProvingAhead(prove, 3, 60.0)
    given = proving.over(specs(8))
    assert next(given).index == 0
    await asyncio.sleep(0.01)
    assert prove.began == [3]
    assert next(given).index == 1
    await asyncio.sleep(0.01)
    assert prove.began == [3, 4]
    assert [spec.index for spec in given] == [2, 3, 4, 5, 6, 7]
    await asyncio.sleep(0.01)
    assert prove.began == [3, 4, 5, 6, 7]
    await proving.aclose()


async def test_nothing_is_proved_ahead_of_a_single_rollout_nor_for_a_spec_without_a_task() -> None:
    prove = Proving()
    alone, rejected = ProvingAhead(prove, 0, 60.0), ProvingAhead(prove, 1, 60.0)
    assert len(list(alone.over(specs(3)))) == 3
    assert len(list(rejected.over(spec.model_copy(update={"task": None}) for spec in specs(3)))) == 3
    await asyncio.sleep(0.01)
    assert prove.began == []


@pytest.mark.parametrize("prove", [Proving(fault=ValueError("broken")), Proving(seconds=60)])
async def test_a_proof_that_fails_or_takes_too_long_is_dropped(prove: Proving) -> None:
    proving = ProvingAhead(prove, 1, 0.05)
    assert len(list(proving.over(specs(3)))) == 3
    await asyncio.sleep(0.2)
    assert prove.began == [1, 2]
    assert prove.ended == (["done", "done"] if prove.fault else ["cancelled", "cancelled"])
    await proving.aclose()


async def test_closing_cancels_what_is_being_proved_and_waits_for_it() -> None:
    prove = Proving(seconds=60)
    proving = ProvingAhead(prove, 1, 60.0)
    list(proving.over(specs(4)))
    await asyncio.sleep(0.01)
    await proving.aclose()
    assert prove.ended == ["cancelled"] * 3
