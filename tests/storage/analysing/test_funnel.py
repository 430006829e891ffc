"""Each number of the funnel equals the count of its filter, under any filter set before."""

from __future__ import annotations

import itertools
import json

import pytest

from engine.reviewing.verdicts import EFFECTS
from engine.types import Recipe, Review, Trajectory, TrajectoryFilter, Turn
from storage.analysing.funnel import NOT_FINISHED, after_review, came_through, funnel, losses, lost_at, unfinished
from storage.database import Database
from storage.exporting import exports
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.stored_samples import queue_batch

ALL = TrajectoryFilter()
STAGES = ("planned", "proven", "rolled_out", "rules", "state", "judged", "reviewed", "accepted", "exported")
PLANNED = 60
VERDICTS: tuple[dict[str, object], ...] = (
    {},
    {"verdict": "accept"},
    {"verdict": "reject"},
    {"verdict": "fix"},
    {"turn": 4, "verdict": "fix", "fix": Turn(role="assistant", content="Better.")},
)
"""One for each standing."""
FILTERS = [
    ALL,
    TrajectoryFilter(batches=(1,)),
    TrajectoryFilter(modes=("parallel",)),
    TrajectoryFilter(statuses=("kept",)),
    TrajectoryFilter(statuses=("rejected", "failed")),
    TrajectoryFilter(verdicts=("none", "corrected", "rejected")),
    TrajectoryFilter(verdicts=("rejected",)),
    TrajectoryFilter(verdicts=("accepted",), statuses=("kept", "rejected")),
    TrajectoryFilter(stages=("proven", "judged")),
    TrajectoryFilter(reached="rules", reasons=("low", "none")),
    TrajectoryFilter(exported=True),
    TrajectoryFilter(exported=False),
    TrajectoryFilter(batches=(99,)),
]


@pytest.fixture
def full(db: Database) -> Database:
    """Trajectories kept, and lost at each stage in each way that is stored, with each standing; some are exported."""
    ways: list[tuple[str, str | None, str | None]] = [
        ("kept", None, None),
        ("rejected", "planned", "duplicate"),
        ("rejected", "proven", "duplicate"),
        ("failed", "rolled_out", "timeout"),
        ("rejected", "rules", None),
        ("rejected", "state", "wrong_state"),
        ("rejected", "judged", "low"),
        ("rejected", None, None),
        ("unmeasured", "judged", "judge_no_answer"),
    ]
    rows: list[Trajectory] = []
    for n, ((status, stage, reason), _) in enumerate(itertools.product(ways, VERDICTS)):
        mode = ("single", "parallel")[n % 2]
        if status == "kept":
            rows.append(order_trajectory(n, mode=mode))
        else:
            rows.append(lost_trajectory(n, stage, reason, status, mode=mode))  # type: ignore[arg-type]
    SqlStore(db).save(queue_batch(db, PLANNED), rows)
    for number, (_, given) in enumerate(itertools.product(ways, VERDICTS), 1):
        if given:
            reviews.save_review(db, Review.model_validate({"trajectory": number} | given))
    exports.mark_exported(db, exports.create_export(db, Recipe()), range(1, len(rows), 3))
    return db


def counted(db: Database, chosen: TrajectoryFilter | None) -> int:
    """Return how many trajectories a filter finds; 0 where there is none."""
    return 0 if chosen is None else trajectories.count(db, chosen)


def test_what_came_through_a_stage_is_what_the_funnel_counts_there(full: Database) -> None:
    for chosen in FILTERS:
        rows = funnel(full, chosen).set_index("stage")
        assert tuple(rows.index) == STAGES
        for stage in STAGES:
            expected = rows.loc[stage, "count"]
            if stage == "planned":
                expected -= unfinished(rows.reset_index())
            if stage == "reviewed":
                expected -= rows.loc[stage, "gained"]  # of these, only what judges had kept
            assert counted(full, came_through(chosen, stage)) == expected, (chosen, stage)


def test_the_parts_after_review_sum_to_what_the_funnel_counts(full: Database) -> None:
    for chosen in FILTERS:
        rows = funnel(full, chosen).set_index("stage")
        silent, accepted, taken_back = (counted(full, part) for part in after_review(chosen))
        assert silent + accepted + taken_back == rows.loc["reviewed", "count"], chosen
        assert accepted + taken_back == rows.loc["accepted", "count"], chosen
        assert taken_back == rows.loc["reviewed", "gained"], chosen


def test_what_was_lost_for_a_reason_is_what_the_funnel_counts(full: Database) -> None:
    for chosen in FILTERS:
        for stage, reason, times in losses(funnel(full, chosen)):
            found = lost_at(chosen, stage, reason)
            if reason == NOT_FINISHED or stage == "exported":
                assert found is None, "no filter finds rollouts that have not ended, or what was not exported"
            else:
                assert counted(full, found) == times > 0, (chosen, stage, reason)


def test_the_samples_come_to_every_loss_that_there_is(full: Database) -> None:
    found = set(losses(funnel(full, ALL)))
    assert {stage for stage, _, _ in found} == {*STAGES} - {"planned"}
    told = {reason for _, reason, _ in found}
    assert told >= {effect.loss for effect in EFFECTS.values() if effect.loss} | {NOT_FINISHED, "none", "not_exported"}
    assert unfinished(funnel(full, ALL)) == PLANNED - 45
    assert unfinished(funnel(full, FILTERS[2])) == 0, "only whole batches are asked for what has not ended"


def test_a_filter_that_allows_nothing_there_opens_nothing() -> None:
    rejected = TrajectoryFilter(verdicts=("rejected",))
    assert came_through(rejected, "reviewed") is came_through(rejected, "accepted") is None
    assert after_review(TrajectoryFilter(statuses=("kept",))).taken_back is None
    assert came_through(TrajectoryFilter(statuses=("failed",)), "judged") is None
    assert came_through(TrajectoryFilter(exported=False), "exported") is None


def test_a_stage_keeps_what_the_filter_already_says() -> None:
    chosen = TrajectoryFilter(verdicts=("corrected", "none"), reached="state", domains=("ledger",))
    for stage, expected in {
        "rules": {},
        "judged": {"statuses": ("kept",)},
        "reviewed": {"statuses": ("kept",)},
        "accepted": {"verdicts": ("corrected",)},
        "exported": {"exported": True},
    }.items():
        assert came_through(chosen, stage) == chosen.model_copy(update=expected), stage
    assert came_through(chosen, "judged").reached == "state"  # type: ignore[union-attr]
    assert after_review(chosen).silent == chosen.model_copy(update={"statuses": ("kept",), "verdicts": ("none",)})


def test_each_loss_before_acceptance_means_the_standings_that_it_counts() -> None:
    for name, effect in EFFECTS.items():
        if effect.loss:
            found = lost_at(ALL, "accepted", effect.loss)
            assert found is not None
            assert (found.verdicts, found.statuses) == ((name,), ("kept",))


def test_losses_are_read_from_the_reasons_of_each_stage(full: Database) -> None:
    frame = funnel(full, ALL)
    for stage, reasons in zip(frame["stage"], frame["reasons"], strict=True):
        assert {r: n for s, r, n in losses(frame) if s == stage} == json.loads(reasons)
