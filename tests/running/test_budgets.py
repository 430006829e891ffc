"""Budgets of a batch, with real worker and storage: they hold, pause, can be raised, and say when they cannot hold."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Conflict, InputError
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import Budget, Domain
from storage.database import Database
from storage.generating import batches
from storage.generating.budgets import set_budget
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.serving.test_worker import adds_up, batches_only, stored

SAYS = {"text": "No idea.", "prompt_tokens": 50, "completion_tokens": 10}
PRICES = {"input_cost_per_million": 10.0, "output_cost_per_million": 50.0}
CALL = 0.001
"""Dollars of one call of SAYS by PRICES."""


def launch(db: Database, ledger: Domain, reply: dict[str, Any], trajectories: int = 30, **changes: Any) -> int:
    models = {"teacher": scripted(reply)}
    more = {"sandbox": "local", "teacher": "llm", "models": models, "concurrency": 2, "early_look": False, **changes}
    return batches.create_batch(db, batch_of(ledger, trajectories=trajectories, **more))


async def work(db: Database) -> None:
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda line: None).work(once=True)


async def resumed(db: Database, number: int, **budget: Any) -> batches.BatchRow:
    """Change the budget, resume and work; return the batch."""
    row = batches.get_batch(db, number)
    set_budget(db, number, Budget(**budget), before=row.batch.budget)
    batches.command(db, number, "resume")
    await work(db)
    return batches.get_batch(db, number)


def all_there(db: Database, row: batches.BatchRow) -> bool:
    whole = row.status == "done" and row.progress.waiting == 0 and adds_up(row.progress)
    return whole and trajectories.count(db, batches_only(row.id)) == row.progress.planned


@pytest.mark.parametrize(
    ("budget", "reason", "raised"),
    [
        ({"tokens": 300}, "tokens budget of 300 is", {"tokens": 1_000_000}),
        ({"cost_usd": 0.005, **PRICES}, "cost budget of 0.005 dollars is", {"cost_usd": 5.0, **PRICES}),
        ({"seconds": 1.0}, "time budget of 1 s is", {"seconds": 600.0}),
    ],
)
async def test_each_bound_pauses_and_once_raised_the_batch_is_finished(
    db: Database, ledger: Domain, budget: dict[str, Any], reason: str, raised: dict[str, Any]
) -> None:
    number = launch(db, ledger, {**SAYS, "seconds": 0.15}, budget=budget)
    fingerprint = batches.get_batch(db, number).batch.fingerprint
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert reason in row.reason
    assert row.progress.waiting > 0
    assert adds_up(row.progress)
    row = await resumed(db, number, **raised)
    assert all_there(db, row), row.reason
    assert row.batch.fingerprint == fingerprint


async def test_resuming_under_a_reached_budget_pays_for_nothing_more(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, SAYS, budget={"tokens": 300})
    await work(db)
    before = batches.get_batch(db, number)
    batches.command(db, number, "resume")
    await work(db)
    after = batches.get_batch(db, number)
    assert (after.status, after.tokens) == ("paused", before.tokens)
    assert "tokens budget of 300" in after.reason
    assert after.progress == before.progress


async def test_a_reached_bound_lets_only_what_is_in_flight_finish(db: Database, ledger: Domain) -> None:
    """Calls are counted as they come back, not when their rollouts are saved."""
    number = launch(db, ledger, SAYS, trajectories=200, budget={"tokens": 300})
    await work(db)
    row = batches.get_batch(db, number)
    longest = max(len(t.calls) for t in stored(db, number))
    assert row.status == "paused"
    assert row.tokens <= 300 + 60 * row.batch.concurrency * longest


async def test_a_batch_that_was_whole_when_its_engine_ended_is_done_under_a_reached_budget(
    db: Database, ledger: Domain
) -> None:
    number = launch(db, ledger, SAYS, trajectories=4)
    await work(db)
    with db.write() as session:
        from storage.tables import BatchRecord

        record = session.get(BatchRecord, number)
        assert record is not None
        record.status, record.finished_at = "queued", None
    set_budget(db, number, Budget(tokens=1), before=Budget())
    await work(db)
    assert batches.get_batch(db, number).status == "done"


async def test_money_is_not_bounded_by_an_unknown_price(db: Database, ledger: Domain) -> None:
    """Only the first call is paid for; once there are prices the cost is counted and the bound holds."""
    number = launch(db, ledger, SAYS, trajectories=6, concurrency=6, budget={"cost_usd": 0.01})
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert "price of scripted is not known" in row.reason
    assert "prices per million tokens" in row.reason
    assert (row.progress.waiting, row.tokens, row.unpriced_calls, row.cost_usd) == (6, 60, 1, None)
    row = await resumed(db, number, cost_usd=1.0, **PRICES)
    assert all_there(db, row)
    assert row.unpriced_calls == 1, "that of the first call, which was made before there were prices"
    assert row.cost_usd == pytest.approx((row.tokens - 60) / 60 * CALL)


async def test_a_price_that_goes_missing_later_lets_what_flies_finish(db: Database, ledger: Domain) -> None:
    replies = [SAYS] * 6 + [{"text": "No idea."}] * 60
    number = launch(
        db, ledger, SAYS, models={"teacher": scripted(*replies)}, budget={"cost_usd": 5.0, **PRICES}, concurrency=2
    )
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "paused"
    assert "does not tell how many tokens" in row.reason
    assert 0 < row.progress.waiting < 30
    assert row.cost_usd is not None
    assert row.cost_usd > 0


@pytest.mark.parametrize("budget", [{"tokens": 1000}, {"cost_usd": 1.0, **PRICES}])
async def test_tokens_are_not_bounded_by_a_server_that_tells_none(
    db: Database, ledger: Domain, budget: dict[str, Any]
) -> None:
    number = launch(db, ledger, {"text": "No idea."}, trajectories=5, budget=budget)
    await work(db)
    row = batches.get_batch(db, number)
    assert (row.status, row.progress.waiting) == ("paused", 5)
    assert "scripted does not tell how many tokens" in row.reason
    assert all_there(db, await resumed(db, number, seconds=600.0))


async def test_without_a_bound_nobody_asks_for_a_price(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, {"text": "No idea."}, trajectories=5, budget={"seconds": 600.0})
    await work(db)
    row = batches.get_batch(db, number)
    assert row.status == "done"
    assert row.cost_usd is None


def test_a_budget_is_changed_on_what_was_seen_and_only_while_nobody_works(db: Database, ledger: Domain) -> None:
    number = launch(db, ledger, SAYS, budget={"tokens": 300})
    seen = batches.get_batch(db, number).batch.budget
    set_budget(db, number, Budget(tokens=500), before=seen)
    with pytest.raises(Conflict, match="500 tokens"):
        set_budget(db, number, Budget(tokens=900), before=seen)
    assert batches.get_batch(db, number).batch.budget == Budget(tokens=500)
    assert SqlStore(db).claim("me", 1.0, 15.0) is not None
    with pytest.raises(InputError, match="Pause it first"):
        set_budget(db, number, Budget(tokens=900), before=Budget(tokens=500))
    with pytest.raises(InputError, match="there is no batch 99"):
        set_budget(db, 99, Budget(), before=Budget())
