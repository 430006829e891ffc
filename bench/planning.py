"""CPU seconds to plan a large batch over the shipped domains, under each plan version in one run.

    python -m bench.planning [--rows 5000]

Floor: plan version 1, which rounds within each domain. The newest plan should take at most 1.08 times as long.
The quotas alone are timed for a batch of a million tasks over a hundred domains; they should take less than a second.
"""

from __future__ import annotations

import argparse
import random
import time

from bench.samples import modes
from engine import settings
from engine.domains import catalog
from engine.planning.planner import plan
from engine.planning.quotas import Offer, planned
from engine.serving.desk import PLAIN
from engine.types import PLAN_VERSIONS, Batch, Domain, DomainShare

ROUNDS = 3


def planning_seconds(batch: Batch, domains: dict[str, Domain]) -> float:
    """Return the CPU seconds that the whole plan takes."""
    start = time.process_time()
    made = sum(1 for _ in plan(batch, domains, [PLAIN]))
    assert made == batch.trajectories
    return time.process_time() - start


def quota_seconds(domains: int, tasks: int) -> float:
    """Return the CPU seconds that the quotas take when every domain serves different modes and lengths."""
    source, among = random.Random(1), modes()
    offers = [
        Offer(
            f"d{n}", source.uniform(0.1, 5), source.sample(among, source.randint(2, len(among))), source.randint(1, 4)
        )
        for n in range(domains)
    ]
    shares = tuple(DomainShare(id=offer.domain, weight=offer.weight) for offer in offers)
    turns = {1: 3.0, 2: 1.0, 3: 1.0, 4: 0.3}
    batch = Batch(name="bench", domains=shares, trajectories=tasks, turns=turns, plan_version=PLAN_VERSIONS[-1])
    start = time.process_time()
    assert planned(batch, offers, source).tasks == tasks
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000)
    rows = parser.parse_args().rows
    found = (catalog.load(path.parent) for path in sorted(settings.CATALOG.glob("*/domain.yaml")))
    domains = {domain.digest: domain for domain in found}
    shares = tuple(DomainShare(id=domain.id, digest=digest) for digest, domain in domains.items())
    taken: dict[int, list[float]] = {version: [] for version in PLAN_VERSIONS}
    for _ in range(ROUNDS):
        for version in PLAN_VERSIONS:
            batch = Batch(name="bench", domains=shares, trajectories=rows, plan_version=version)
            taken[version].append(planning_seconds(batch, domains))
    print(f"{rows:,} tasks over {len(domains)} domains, median of {ROUNDS}")
    print(f"{'plan':<8}{'seconds':>9}{'tasks/s':>10}{'of plan 1':>11}")
    medians = {version: sorted(times)[ROUNDS // 2] for version, times in taken.items()}
    for version, seconds in medians.items():
        print(f"{version:<8}{seconds:>9.2f}{rows / seconds:>10.0f}{seconds / medians[1]:>11.2f}")
    for tasks in (1_000, 1_000_000):
        print(f"quotas of {tasks:,} tasks over 100 domains: {quota_seconds(100, tasks):.3f} s")


if __name__ == "__main__":
    main()
