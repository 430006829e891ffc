"""Reference rollouts per second on the local and the docker sandbox, side by side in one run.

    python -m bench.rollouts [--number 400] [--domain retail]

Nothing is stored: this is planner, proof, dialogue, tools, difference and judges. Floor: the local sandbox with 16 in
flight. The docker path should reach at least 0.7 of the local one, for 16 and for 256 in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from engine import loop, settings
from engine.domains import catalog
from engine.errors import SandboxError
from engine.executors.local import LocalExecutor
from engine.planning.planner import plan
from engine.protocols import SandboxPool
from engine.rolling.parts import environment_of
from engine.rolling.rollout import rollout
from engine.running.wiring import parts_of
from engine.serving.choice import open_pool
from engine.serving.desk import PLAIN
from engine.types import Batch, Domain, DomainShare


async def measured(pool: SandboxPool, domain: Domain, number: int, concurrency: int, seed: int) -> tuple[float, float]:
    """Return (rollouts per second, share kept) of `number` rollouts after the pool is warm."""
    batch = Batch(
        name="bench",
        domains=(DomainShare(id=domain.id, digest=domain.digest),),
        trajectories=number,
        turns={1: 1.0},
        seed=seed,
    )
    parts: Any = parts_of(batch, {domain.id: domain}, pool, {})
    await pool.prepare(environment_of(domain, None, commands=False), concurrency)
    await asyncio.sleep(3)
    specs = list(plan(batch, {domain.digest: domain}, [PLAIN]))
    start, kept = time.perf_counter(), 0
    async for trajectory in LocalExecutor().run(lambda s: rollout(s, parts), specs, concurrency):
        kept += trajectory.status == "kept"
    return number / (time.perf_counter() - start), kept / number


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=400)
    parser.add_argument("--domain", default="retail")
    chosen = parser.parse_args()
    domain = catalog.load(settings.CATALOG / chosen.domain)
    print(f"{chosen.number} reference rollouts of {domain.id} per cell")
    print(f"{'sandbox':<10}{'in flight':>10}{'rollouts/s':>12}{'kept':>8}{'of local':>10}")
    floor: dict[int, float] = {}
    for name in ("local", "docker"):
        try:
            pool = await open_pool(name, image=settings.read().image)
        except SandboxError as error:
            print(f"{name:<10} left out: {error}")
            continue
        try:
            for seed, concurrency in enumerate((16, 256)):
                rate, kept = await measured(pool, domain, chosen.number, concurrency, seed)
                floor.setdefault(concurrency, rate)
                share = rate / floor[concurrency]
                print(f"{name:<10}{concurrency:>10}{rate:>12.1f}{kept:>8.0%}{share:>10.2f}", flush=True)
        finally:
            await pool.aclose()


if __name__ == "__main__":
    loop.run(main())
