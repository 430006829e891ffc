"""Each bar of a chart opens exactly the trajectories it counts, under any filter set before."""

from __future__ import annotations

from itertools import pairwise

import pytest

from engine.types import Review, Trajectory, TrajectoryFilter
from storage.analysing import analytics
from storage.analysing.chart_filters import BINS, WHOLE, bin_edges, bin_filter, group_filter, outcome_filter
from storage.columns import GROUPS, NUMBERS
from storage.database import Database
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.samples.models import model_call
from tests.samples.scores import rubric_score
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.stored_samples import queue_batch

ALL = TrajectoryFilter()
REWARDS = (0.0, 0.05, 0.1, 0.15, 0.5, 0.55, 0.95, 1.0, None)
FILTERS = [
    ALL,
    TrajectoryFilter(statuses=("kept", "failed"), modes=("single",)),
    TrajectoryFilter(min_reward=0.07, max_tokens=90),
    TrajectoryFilter(score="rubric", score_min=0.12, score_max=0.97),
    TrajectoryFilter(culprits=("none", "agent"), tools=("get_order",), tags=("rude",)),
]


@pytest.fixture
def full(db: Database) -> Database:
    """Trajectories with rewards and scores at the edges of bins, and with and without each value; some are tagged."""
    rows: list[Trajectory] = [
        order_trajectory(
            n,
            reward=REWARDS[n % len(REWARDS)],
            scores=(rubric_score(REWARDS[-1 - n % len(REWARDS)]),),
            mode=("single", None, "parallel")[n % 3],
            template=None if n % 5 == 0 else "find",
            tool=("get_order", "transfer")[n % 2],
            calls=(model_call(tokens=n * 3, cost=n / 7),) if n % 4 else (model_call(None, None),),
        )
        for n in range(36)
    ]
    rows += [
        lost_trajectory(40, "rules", "rule_broken", culprit="agent"),
        lost_trajectory(41, "rolled_out", "timeout", "failed", culprit="infrastructure"),
        lost_trajectory(42, "judged", "low", culprit=None),
    ]
    SqlStore(db).save(queue_batch(db, 50), rows)
    for number, tags in ((1, ("rude",)), (2, ("rude", "slow")), (3, ("slow",)), (7, ("rude",))):
        reviews.save_review(db, Review(trajectory=number, verdict="reject", tags=tags))
    return db


def counted(db: Database, chosen: TrajectoryFilter) -> int:
    return trajectories.count(db, chosen)


@pytest.mark.parametrize("chosen", FILTERS)
def test_every_bin_opens_what_it_counts(full: Database, chosen: TrajectoryFilter) -> None:
    for value in (*NUMBERS, "rubric"):
        bins_open_what_they_count(full, value, chosen)


def bins_open_what_they_count(full: Database, value: str, chosen: TrajectoryFilter) -> None:
    extent = analytics.extent(full, chosen, value)
    edges = bin_edges(value, [extent] if extent else [])
    frame = analytics.histogram(full, chosen, value, edges=edges)
    assert frame["count"].sum() > 0, value
    for place, (low, high, count) in enumerate(frame.itertuples(index=False)):
        found = bin_filter(chosen, value, low, high, last=place == len(frame) - 1)
        assert found is not None
        assert counted(full, found) == count, (value, low, high)


def test_a_bin_of_another_score_than_the_filters_opens_nothing() -> None:
    assert bin_filter(TrajectoryFilter(score="state"), "rubric", 0, 0.5, last=False) is None


def test_a_bin_keeps_what_the_filter_already_says() -> None:
    chosen = TrajectoryFilter(min_reward=0.52, domains=("ledger",))
    found = bin_filter(chosen, "reward", 0.5, 0.55, last=False)
    assert found is not None
    assert (found.min_reward, found.domains) == (0.52, ("ledger",))
    assert found.max_reward is not None
    assert 0.5499 < found.max_reward < 0.55
    assert bin_filter(ALL, "turns", 10, 20, last=False) == TrajectoryFilter(min_turns=10, max_turns=19)
    assert bin_filter(ALL, "turns", 10, 20, last=True) == TrajectoryFilter(min_turns=10, max_turns=20)


@pytest.mark.parametrize("value", WHOLE)
@pytest.mark.parametrize(("low", "high", "width"), [(2, 2, 1), (3, 22, 1), (5, 200, 10), (0, 99_999, 5000)])
def test_bins_of_counts_are_of_round_whole_numbers(value: str, low: int, high: int, width: int) -> None:
    edges = bin_edges(value, [(low, low), (high, high)])
    assert {after - before for before, after in pairwise(edges)} == {width}
    assert edges[0] <= low < high + 1 <= edges[-1]
    assert edges[0] % width == 0
    assert len(edges) <= BINS + 3


def test_bins_of_scores_rewards_and_costs() -> None:
    for value in ("reward", "rubric"):
        assert bin_edges(value, []) == bin_edges(value, [(0.4, 0.5)])
        assert bin_edges(value, [])[:2] == (0.0, 0.05)
    assert (bin_edges("cost_usd", [(0.5, 2.5)])[0], bin_edges("cost_usd", [(0.5, 2.5)])[-1]) == (0.5, 2.5)
    assert bin_edges("cost_usd", [(1.0, 1.0)])[-1] > 1.0, "one cost alone has a bin too"
    assert bin_edges("turns", []) == ()


@pytest.mark.parametrize("chosen", FILTERS)
def test_every_group_and_outcome_opens_what_it_counts(full: Database, chosen: TrajectoryFilter) -> None:
    for by in (*GROUPS, "tool", "tag"):
        for row in analytics.breakdown(full, chosen, by).itertuples(index=False):
            value = row.value if isinstance(row.value, str) else None
            assert counted(full, group_filter(chosen, by, value)) == row.total > 0, (by, value)
            assert counted(full, group_filter(chosen, by, value, statuses=("kept",))) == row.kept, (by, value)
    for outcome, culprit, count in analytics.outcomes(full, chosen).itertuples(index=False):
        culprit = culprit if isinstance(culprit, str) else None
        assert counted(full, outcome_filter(chosen, outcome, culprit)) == count, (outcome, culprit)
