"""The pace of a batch: None while unknown, and measured anew when a page is reopened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.types import Choice, DomainShare, Progress
from storage.database import Database
from storage.generating import batches
from storage.generating.batches import BatchRow
from storage.generating.pace import (
    DAILY,
    LOOKED_BACK,
    Observation,
    alike,
    estimate,
    overall_rate,
    per_day,
    rate_now,
    recent_observations,
    seconds_left,
)
from tests.storage.stored_samples import queue_batch


@pytest.fixture
def row(db: Database) -> BatchRow:
    return batches.get_batch(db, queue_batch(db, 100))


def at_work(row: BatchRow, finished: int, seconds: float, **changes: Any) -> BatchRow:
    """Return a running batch of which this many ended, some of each kind, after so many seconds of work."""
    progress = Progress(planned=100, kept=finished - 2, rejected=1, failed=1) if finished else Progress(planned=100)
    return replace(row, **{"status": "running", "progress": progress, "seconds": seconds} | changes)


def test_all_that_ended_counts_and_the_rest_waits() -> None:
    progress = Progress(planned=10, kept=3, rejected=2, failed=1, running=1)
    assert (progress.finished, progress.waiting) == (6, 3)


def test_a_running_batch_has_the_rate_of_the_last_seconds_and_one_that_rests_the_overall_one(row: BatchRow) -> None:
    looks: list[Observation] = []
    for second in range(31):
        now = at_work(row, 10 + second * 2, 100.0 + second)
        looks = recent_observations(looks, now, 1000.0 + second)
    assert looks[-1] == Observation(1030.0, 70)
    assert looks[0].at > 1030.0 - LOOKED_BACK, "older looks are dropped"
    assert rate_now(now, looks) == pytest.approx(2.0)
    assert overall_rate(now) == pytest.approx(70 / 130)
    assert rate_now(replace(now, status="paused"), looks) == overall_rate(now)


def test_looks_that_say_nothing_leave_the_overall_rate(row: BatchRow) -> None:
    now = at_work(row, 50, 10.0)
    assert rate_now(now, [Observation(0.0, 50)]) == 5.0, "one look"
    assert rate_now(now, [Observation(0.0, 30), Observation(1.5, 50)]) == 5.0, "too close together"
    assert rate_now(now, [Observation(0.0, 50), Observation(9.0, 50)]) == 5.0, "nothing ended between them"


def test_no_rate_before_anything_ended(row: BatchRow) -> None:
    for early in (at_work(row, 0, 30.0), at_work(row, 5, 0.2)):
        assert rate_now(early, recent_observations([], early, 0.0)) is None
        assert seconds_left(early, None) is None


def test_what_is_left_at_a_rate_and_only_while_it_runs(row: BatchRow) -> None:
    now = at_work(row, 60, 30.0)
    assert seconds_left(now, 2.0) == 20.0
    assert seconds_left(replace(now, status="paused"), 2.0) is None


def test_a_day_is_told_after_a_minute_of_work(row: BatchRow) -> None:
    assert per_day(at_work(row, 3, DAILY)) == 4320
    assert per_day(at_work(row, 3, 2 * DAILY)) == 2160
    assert per_day(at_work(row, 3, DAILY - 1)) is None
    assert per_day(at_work(row, 0, DAILY)) is None


def ended(row: BatchRow, seconds: float, cost: float | None, **changes: Any) -> BatchRow:
    return replace(at_work(row, 100, seconds), **{"status": "done", "cost_usd": cost} | changes)


def test_an_estimate_goes_by_what_finished_batches_like_it_took(row: BatchRow) -> None:
    wanted = row.batch.model_copy(update={"trajectories": 50, "name": "another", "seed": 9})
    assert estimate(wanted, []) is None
    assert estimate(wanted, [ended(row, 30.0, 1.0), ended(row, 50.0, 3.0)]) == (2, 20.0, 1.0, 4.0 / 196)
    assert estimate(wanted, [ended(row, 30.0, 1.0), ended(row, 50.0, None)]) == (2, 20.0, None, None), (
        "unknown is not 0"
    )
    pilot = ended(row, 30.0, 1.0, batch=row.batch.model_copy(update={"pilot_of": 200}))
    imported = ended(row, 30.0, 1.0, imported=True)
    other = ended(row, 30.0, 1.0, batch=row.batch.model_copy(update={"domains": (DomainShare(id="other"),)}))
    empty = ended(row, 30.0, 1.0, progress=Progress(planned=0))
    assert estimate(wanted, [imported, other, empty, pilot]) is None


def test_batches_are_alike_by_domains_players_and_judges(row: BatchRow) -> None:
    one = row.batch
    weighed = tuple(share.model_copy(update={"weight": 3.0}) for share in one.domains)
    assert alike(one, one.model_copy(update={"domains": weighed, "trajectories": 7, "seed": 1}))
    for changes in ({"teacher": Choice(name="llm")}, {"user": Choice(name="llm")}, {"judges": one.judges[:1]}):
        assert not alike(one, one.model_copy(update=changes)), changes
