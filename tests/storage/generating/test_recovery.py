"""Failed rollouts tried again, failed batches resumed, another sandbox taken: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from sqlalchemy import event, func, select, text

from engine.errors import InputError
from engine.types import Review, Trajectory, TrajectoryFilter
from storage import facets, tables
from storage.database import Database
from storage.generating import batches, recovery
from storage.reviewing import reviews, trajectories
from storage.serving.store import SqlStore
from tests.samples.models import model_call
from tests.samples.trajectories import lost_trajectory, order_trajectory
from tests.storage.stored_samples import insert_imported, queue_batch


def fault(index: int, reason: str = "model_connection") -> Trajectory:
    return lost_trajectory(index, "rolled_out", reason, "failed", culprit="infrastructure", calls=(model_call(),))


def ended(db: Database, status: str, *wave: Trajectory, planned: int = 12) -> int:
    """Return a batch that an engine gave back in this status with these results."""
    number, store = queue_batch(db, planned), SqlStore(db)
    assert store.claim("one", 100.0, 15.0)
    store.save(number, wave)
    store.release(number, "one", status, "why")
    return number


MIXED = (
    order_trajectory(0),
    lost_trajectory(1, "judged", "facts"),
    fault(2),
    fault(3, "sandbox_error"),
    fault(4),
    order_trajectory(5),
)


@pytest.mark.parametrize("status", ["queued", "paused", "done", "failed"])
def test_retry_forgets_only_what_infrastructure_failed(db: Database, status: str) -> None:
    other = ended(db, "done", fault(2), order_trajectory(3))
    number = ended(db, status, *MIXED)
    before = batches.get_batch(db, number)
    assert recovery.retryable(db, number) == recovery.retry(db, number) == 3
    row = batches.get_batch(db, number)
    assert (row.status, row.reason, row.command, row.finished_at) == ("queued", "", None, None)
    p = row.progress
    assert (p.kept, p.rejected, p.failed, p.waiting) == (2, 1, 0, 9)
    assert SqlStore(db).done_ids(number) == {"rollout-0", "rollout-1", "rollout-5"}
    assert (row.tokens, row.cost_usd) == (before.tokens, before.cost_usd) == (60, 1.5)
    assert batches.get_batch(db, other).progress.failed == 1
    assert recovery.retryable(db, other) == 1


def test_nothing_of_a_forgotten_rollout_stays_behind(db: Database) -> None:
    number = ended(
        db, "done", order_trajectory(0, said="apple"), *(fault(i) for i in (1, 2)), fault(3, "sandbox_error")
    )
    recovery.retry(db, number)
    with db.read() as session:
        left = {name: session.execute(select(text("count(*)")).select_from(table)).scalar_one() for name, table in {
            "trajectory": tables.trajectory, "body": tables.body, "texts": text("trajectory_search"),
        }.items()}  # fmt: skip
        among = facets.values(session)
    assert left == {"trajectory": 1, "body": 1, "texts": 1}
    assert among["statuses"] == ["kept"]
    assert among["reasons"] == among["culprits"] == []
    assert trajectories.count(db, TrajectoryFilter(text="apple")) == 1


def test_many_are_forgotten_a_few_at_a_time_and_the_counts_are_right_at_each_moment(db: Database) -> None:
    number = ended(db, "done", order_trajectory(0), *(fault(i) for i in range(1, 1301)), planned=1301)
    b, t = tables.batch.c, tables.trajectory.c
    seen = []

    def look(_: object) -> None:
        rows = select(func.count()).where(t.batch_id == number, t.status == "failed").scalar_subquery()
        with db.read() as session:
            seen.append(tuple(session.execute(select(b.status, b.failed, rows).where(b.id == number)).one()))

    event.listen(db.writer, "commit", look)
    try:
        assert recovery.retry(db, number) == 1300
    finally:
        event.remove(db.writer, "commit", look)
    look(None)
    assert all(counted == there for _, counted, there in seen)
    assert [status for status, *_ in seen] == ["done", *["paused"] * (len(seen) - 2), "queued"]
    steps = [before - after for (_, before, _), (_, after, _) in pairwise(seen)]
    assert sum(steps) == 1300
    assert max(steps) <= 500


def test_what_another_batch_has_stays_in_the_lists(db: Database) -> None:
    number = ended(db, "done", order_trajectory(0), fault(1))
    ended(db, "done", fault(1))
    recovery.retry(db, number)
    with db.read() as session:
        assert facets.values(session)["reasons"] == ["model_connection"]


def test_what_a_human_reviewed_is_not_forgotten(db: Database) -> None:
    number = ended(db, "done", fault(1), fault(2))
    reviews.save_review(db, Review(trajectory=1, verdict="reject", note="Look at this one."))
    assert recovery.retry(db, number) == 1
    assert SqlStore(db).done_ids(number) == {"rollout-1"}
    assert batches.get_batch(db, number).progress.failed == 1


def test_an_engine_takes_up_what_is_tried_again_and_counters_equal_rows(db: Database) -> None:
    number = ended(db, "done", *MIXED, planned=6)
    recovery.retry(db, number)
    store = SqlStore(db)
    claim = store.claim("two", 200.0, 15.0)
    assert claim is not None
    assert claim.batch_id == number
    assert (
        store.save(
            number,
            [order_trajectory(2), order_trajectory(3), lost_trajectory(4, "judged", "facts"), order_trajectory(0)],
        )
        == 3
    )
    store.release(number, "two", "done", "")
    p = batches.get_batch(db, number).progress
    with db.read() as session:
        t = tables.trajectory.c
        rows = Counter(session.execute(select(t.status).where(t.batch_id == number)).scalars())
    assert rows == {"kept": p.kept, "rejected": p.rejected} == {"kept": 4, "rejected": 2}
    assert p.waiting == p.failed == 0


def test_retry_is_refused_where_it_cannot_be(db: Database) -> None:
    running, store = queue_batch(db), SqlStore(db)
    with pytest.raises(InputError, match="no failed rollout"):
        recovery.retry(db, running)
    store.claim("one", 100.0, 15.0)
    store.save(running, [fault(1)])
    with pytest.raises(InputError, match=r"is running.*Pause it first"):
        recovery.retry(db, running)
    assert batches.get_batch(db, running).progress.failed == 1
    store.release(running, "one", "cancelled", "")
    with pytest.raises(InputError, match="is cancelled"):
        recovery.retry(db, running)
    whole = ended(db, "done", order_trajectory(1))
    with pytest.raises(InputError, match="no failed rollout"):
        recovery.retry(db, whole)
    assert batches.get_batch(db, whole).status == "done"
    imported = insert_imported(db, "in", [fault(1)])
    with pytest.raises(InputError, match="was imported"):
        recovery.retry(db, imported)
    with pytest.raises(InputError, match="no batch 999"):
        recovery.retry(db, 999)


def test_a_failed_batch_is_resumed(db: Database) -> None:
    number = ended(db, "failed", order_trajectory(0))
    batches.command(db, number, "resume")
    row = batches.get_batch(db, number)
    assert (row.status, row.reason, row.finished_at, row.progress.waiting) == ("queued", "", None, 11)
    claim = SqlStore(db).claim("two", 200.0, 15.0)
    assert claim is not None
    assert claim.batch_id == number


def test_the_sandbox_is_noted_once_and_changed_only_on_demand(db: Database) -> None:
    number, store = queue_batch(db), SqlStore(db)
    claim = store.claim("one", 100.0, 15.0)
    assert claim is not None
    assert claim.sandbox == ""
    store.pin(number, "somebody else", "local")
    assert batches.get_batch(db, number).sandbox is None
    store.pin(number, "one", "docker")
    store.pin(number, "one", "local")
    assert batches.get_batch(db, number).sandbox == "docker"
    with pytest.raises(InputError, match="is running"):
        recovery.resume_in(db, number, "local")
    store.release(number, "one", "paused", "gone")
    with pytest.raises(InputError, match=r"no sandbox 'loca'.*docker, local"):
        recovery.resume_in(db, number, "loca")
    recovery.resume_in(db, number, "local")
    again = store.claim("two", 200.0, 15.0)
    assert again is not None
    assert again.sandbox == "local"
    store.release(number, "two", "done", "")
    with pytest.raises(InputError, match="is done"):
        recovery.resume_in(db, number, "docker")
