"""A batch that waits or is paused, on its page: its budget is raised there, and it says what it waits behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from engine.types import Budget, Domain, Endpoint, Pulse
from storage.database import Database
from storage.generating import batches, endpoints
from storage.generating.budgets import set_budget
from storage.serving import engines
from storage.serving.store import SqlStore
from tests.running.test_budgets import SAYS, all_there, launch, work
from tests.storage.stored_samples import queue_batch

Open = Callable[..., AppTest]


def test_a_reached_budget_is_raised_on_the_page_and_the_batch_is_finished(
    open_page: Open, ready: Database, ledger: Domain
) -> None:
    number = launch(ready, ledger, SAYS, budget={"tokens": 300})
    asyncio.run(work(ready))
    page = open_page("batch", id=str(number))
    assert any("tokens budget of 300 is reached" in warning.value for warning in page.warning)
    assert page.button(key="resume_1").disabled
    assert page.number_input(key="budget_tokens_1").value == 300
    spent = batches.get_batch(
        ready, number
    ).tokens  # how much was in flight when the bound was reached is left to chance
    page.number_input(key="budget_tokens_1").set_value(spent)
    page.button(key="budget_resume_1").click().run()
    assert any(f"{spent:,} is reached. Resuming would pause at once" in caption.value for caption in page.caption)
    row = batches.get_batch(ready, number)
    assert (row.batch.budget.tokens, row.status, row.command) == (spent, "paused", None)
    page.number_input(key="budget_tokens_1").set_value(1_000_000)
    page.button(key="budget_resume_1").click().run()
    assert not page.exception
    row = batches.get_batch(ready, number)
    assert (row.batch.budget.tokens, row.command) == (1_000_000, "resume")
    asyncio.run(work(ready))
    assert all_there(ready, batches.get_batch(ready, number))


def test_prices_that_are_asked_for_are_given_on_the_page(open_page: Open, ready: Database, ledger: Domain) -> None:
    number = launch(ready, ledger, SAYS, trajectories=6, budget={"cost_usd": 1.0})
    asyncio.run(work(ready))
    page = open_page("batch", id=str(number))
    assert any("price of scripted is not known" in warning.value for warning in page.warning)
    paid = batches.get_batch(ready, number)
    assert (paid.tokens, paid.unpriced_calls) == (60, 1), "the call that showed it has been paid for"
    page.number_input(key="budget_input_price_1").set_value(10.0).run()
    assert any("give both prices" in error.value for error in page.error)
    page.number_input(key="budget_output_price_1").set_value(50.0).run()
    page.button(key="budget_resume_1").click().run()
    asyncio.run(work(ready))
    row = batches.get_batch(ready, number)
    assert all_there(ready, row)
    assert (row.unpriced_calls, row.cost_usd) == (1, pytest.approx((row.tokens - 60) / 60 * 0.001))


def test_the_later_of_two_changed_budgets_is_told(open_page: Open, ready: Database, ledger: Domain) -> None:
    number = launch(ready, ledger, SAYS, budget={"tokens": 300})
    page = open_page("batch", id=str(number))
    set_budget(ready, number, Budget(tokens=700), before=Budget(tokens=300))
    page.number_input(key="budget_tokens_1").set_value(900)
    page.button(key="budget_save_1").click().run()
    assert any("now 700 tokens" in error.value for error in page.error)
    assert batches.get_batch(ready, number).batch.budget.tokens == 700
    page.run()
    page.button(key="budget_load_1").click().run()
    assert page.number_input(key="budget_tokens_1").value == 700
    page.number_input(key="budget_tokens_1").set_value(900)
    page.button(key="budget_save_1").click().run()
    assert batches.get_batch(ready, number).batch.budget.tokens == 900


def test_a_batch_at_work_keeps_its_budget(open_page: Open, ready: Database, ledger: Domain) -> None:
    number = launch(ready, ledger, SAYS, budget={"tokens": 300})
    assert SqlStore(ready).claim("me", time.time(), 60)
    page = open_page("batch", id=str(number))
    assert not [button for button in page.button if str(button.key).startswith("budget_")]


def test_dollars_without_prices_are_warned_of_before_launch(open_page: Open, ready: Database) -> None:
    endpoints.save_endpoint(ready, "m", Endpoint(model="own/model", llm="scripted", options={"follow": "tools"}), None)
    page = open_page("new-batch")
    page.selectbox(key="batch_teachers").set_value("llm").run()
    warned = lambda: [w.value for w in page.warning if "No price is given for own/model" in w.value]  # noqa: E731
    assert not warned()
    page.number_input(key="batch_cost").set_value(2.0).run()
    assert warned()
    page.number_input(key="batch_input_price").set_value(1.5).run()
    page.number_input(key="batch_output_price").set_value(6.0).run()
    assert not warned()
    page.button(key="launch").click().run()
    budget = batches.get_batch(ready, 1).batch.budget
    assert budget == Budget(cost_usd=2.0, input_cost_per_million=1.5, output_cost_per_million=6.0)


def waits(page: AppTest) -> list[str]:
    return [info.value for info in page.info if info.value.startswith("Waits behind")]


def test_a_waiting_batch_says_what_it_waits_behind(open_page: Open, ready: Database) -> None:
    large = queue_batch(ready, name="nightly", trajectories=10_000)
    assert SqlStore(ready).claim("me", time.time(), 60)
    engines.beat(ready, Pulse("me", 1, time.time()))
    queue_batch(ready, name="another", trajectories=50)
    mine, first_three = queue_batch(ready, trajectories=500), queue_batch(ready, trajectories=3)
    page = open_page("batch", id=str(mine))
    assert "#1 nightly (10,000 to go) and 1 other batch" in waits(page)[0]
    assert "at most 20 trajectories" in waits(page)[0]
    assert any(link.proto.label == f"Open #{large}" for link in page.get("page_link"))
    assert not waits(open_page("batch", id=str(first_three)))
    resumed = queue_batch(ready, trajectories=400)
    store = SqlStore(ready)
    assert store.claim("other", time.time(), 60, only=resumed)
    store.release(resumed, "other", "paused", "Paused by hand.")
    batches.command(ready, resumed, "resume")
    page = open_page("batch", id=str(resumed))
    assert "and 3 other batches" in waits(page)[0]
    assert not any("within a second" in info.value for info in page.info)
    assert not waits(open_page("batch", id=str(large)))


def test_a_small_batch_waits_behind_small_ones_only(ready: Database) -> None:
    numbers = [queue_batch(ready, trajectories=n) for n in (10_000, 3, 20, 21, 5)]
    behind = lambda n: [a.id for a in batches.ahead(ready, batches.get_batch(ready, n))]  # noqa: E731
    assert [behind(n) for n in numbers] == [[], [], [2], [1, 2, 3], [2, 3]]
    SqlStore(ready).claim("me", time.time(), 60, most=20)
    assert behind(3) == [2]
    assert behind(4) == [2, 1, 3]
    batches.command(ready, 3, "cancel")
    assert behind(4) == [2, 1]


def test_with_several_engines_none_of_their_batches_is_said_to_be_in_the_way(open_page: Open, ready: Database) -> None:
    for holder in ("one", "two"):
        queue_batch(ready, name=f"of {holder}", trajectories=10_000)
        assert SqlStore(ready).claim(holder, time.time(), 60)
    engines.beat(ready, Pulse("one", 1, time.time()))
    queue_batch(ready, trajectories=50)
    page = open_page("batch", id=str(queue_batch(ready, trajectories=500)))
    assert not waits(page)
    told = next(info.value for info in page.info if info.value.startswith("Waits for a free engine"))
    assert "At work are #1 of one (10,000 to go) and 1 other; 1 other batch will be taken first." in told


def test_only_what_occupies_an_engine_is_waited_for(ready: Database) -> None:
    large, small, mine, later = (queue_batch(ready, trajectories=n) for n in (10_000, 5, 500, 600))
    store = SqlStore(ready)
    assert store.claim("me", time.time(), 60)
    assert store.claim("me", time.time(), 60, most=20)
    ahead = lambda: [(a.id, a.at_work) for a in batches.ahead(ready, batches.get_batch(ready, mine))]  # noqa: E731
    assert ahead() == [(large, True)], f"{small} is worked on beside it"
    assert store.claim("killed", time.time() - 100, 60, only=later)
    assert ahead() == [(large, True)], "what an engine abandoned is taken up in its turn"
    store.heartbeat(later, "killed", time.time(), 1)
    assert ahead() == [(large, True), (later, True)]
