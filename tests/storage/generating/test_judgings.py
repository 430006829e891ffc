"""What judging again stores, on each database: results beside the trajectories, scores that count and are undone."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.types import Judgement, ModelCall, Score, TrajectoryFilter
from storage.analysing import analytics
from storage.database import Database
from storage.generating import batches, judgings
from storage.reviewing import trajectories
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.stored_samples import queue_batch

RUBRIC = Score(name="rubric", value=0.0, passed=False, reason="No to: clear.", source="rubric", method="model")
LOW = Judgement(
    status="rejected",
    outcome="failure",
    culprit="agent",
    stage="judged",
    reason="low_rubric",
    detail="No to: clear.",
    reward=0.0,
    scores=(RUBRIC,),
    calls=(ModelCall(role="judge", model="m", prompt_tokens=3, completion_tokens=1, cost_usd=0.5),),
)


@pytest.fixture
def source(db: Database) -> int:
    """Return a batch of four: two were kept, one is a task that was turned down, one failed."""
    number = queue_batch(db, 4)
    rows = [order_trajectory(1), order_trajectory(2)]
    rows += [lost_trajectory(3, "proven", "duplicate"), lost_trajectory(4, "rolled_out", "timeout", "failed")]
    SqlStore(db).save(number, rows)
    return number


def test_results_stand_beside_until_they_count_and_then_everything_follows(db: Database, source: int) -> None:
    store, chosen = SqlStore(db), TrajectoryFilter(batches=(source,))
    number = judgings.create_judging(db, batch_of("ledger", rejudge=chosen))
    waiting = store.waiting_judgements(number)
    assert len(waiting) == 2, "only what came to its judges"
    before = trajectories.get(db, waiting[0])
    offered = trajectories.facets(db), analytics.score_versions(db, chosen)
    for _ in range(2):  # saved again after a crash
        store.save_judgements(number, {waiting[0]: LOW})
    row = batches.get_batch(db, number)
    assert (row.progress.rejected, row.progress.waiting, row.tokens, row.cost_usd) == (1, 1, 4, 0.5)
    assert store.waiting_judgements(number) == [waiting[1]]
    assert trajectories.get(db, waiting[0]) == before
    assert judgings.standing(db, number) == judgings.Standing(1, 0, {("kept", "rejected"): 1})
    assert [(one.trajectory, one.after, one.reward) for one in judgings.flips(db, number)] == [
        (waiting[0], "rejected", 0.0)
    ]

    assert judgings.use(db, number) == 1
    found = trajectories.get(db, waiting[0])
    assert found is not None
    assert before is not None
    assert (found.status, found.reason, found.scores, found.calls) == (
        "rejected",
        "low_rubric",
        (RUBRIC,),
        before.calls,
    )
    p = batches.get_batch(db, source).progress
    assert (p.kept, p.rejected, p.failed) == (1, 2, 1)
    low = TrajectoryFilter(reasons=("low_rubric",), score="rubric", score_max=0.0)
    assert [one.id for one in trajectories.page(db, low)[0]] == [waiting[0]]
    assert "low_rubric" in trajectories.facets(db)["reasons"]
    assert ("rubric", "rubric") in analytics.score_versions(db, chosen)
    with pytest.raises(InputError, match="Undo that first"):
        batches.delete_batch(db, number)

    assert judgings.undo(db, number) == 1
    assert trajectories.get(db, waiting[0]) == before
    assert (trajectories.facets(db), analytics.score_versions(db, chosen)) == offered, "lists offer nothing stale"
    p = batches.get_batch(db, source).progress
    assert (p.kept, p.rejected, p.failed) == (2, 1, 1)
    batches.delete_batch(db, number)


def test_values_that_others_still_have_stay_in_the_lists(db: Database, source: int) -> None:
    chosen = TrajectoryFilter(batches=(source,))
    before = trajectories.facets(db), analytics.score_versions(db, chosen)
    number = judgings.create_judging(db, batch_of("ledger", rejudge=chosen))
    store = SqlStore(db)
    store.save_judgements(number, dict.fromkeys(store.waiting_judgements(number), LOW))
    judgings.use(db, number)
    facets, versions = trajectories.facets(db), analytics.score_versions(db, chosen)
    assert ("kept" in facets["statuses"], "failed" in facets["statuses"]) == (False, True), "both were kept"
    assert "success" not in facets["outcomes"]
    assert facets["scores"] == ["rubric", "state"], "what failed before has a score of the state"
    assert versions == {("rubric", "rubric"): ["1"], ("state", "state"): ["1"]}
    judgings.undo(db, number)
    assert (trajectories.facets(db), analytics.score_versions(db, chosen)) == before


def test_what_was_deleted_is_neither_judged_nor_planned(db: Database, source: int) -> None:
    store = SqlStore(db)
    number = judgings.create_judging(db, batch_of("ledger", rejudge=TrajectoryFilter(batches=(source,))))
    first, second = store.waiting_judgements(number)
    store.save_judgements(number, {first: LOW, second: None})
    assert (batches.get_batch(db, number).progress.planned, batches.get_batch(db, number).progress.waiting) == (1, 0)
    batches.delete_batch(db, source)
    assert store.waiting_judgements(number) == []
    assert store.stored_trajectory(first) is None
    assert judgings.flips(db, number) == []


def test_a_batch_that_rolled_out_has_no_scores_to_choose(db: Database, source: int) -> None:
    with pytest.raises(InputError, match="judged nothing again"):
        judgings.use(db, source)
    with pytest.raises(InputError, match="there is no batch 99"):
        judgings.undo(db, 99)
    with pytest.raises(InputError, match="no trajectory that a judge can be asked about"):
        judgings.create_judging(db, batch_of("ledger", rejudge=TrajectoryFilter(statuses=("failed",))))
