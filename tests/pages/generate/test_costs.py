"""The cost of a batch from form to charts, with prices from the endpoint, the form or litellm's table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from bench.model_path import model_server
from engine.types import Endpoint, TrajectoryFilter
from storage.database import Database
from storage.generating import batches, endpoints
from storage.reviewing import trajectories
from tests.running.test_budgets import SAYS, work
from tests.samples.models import scripted

Open = Callable[..., AppTest]
NUMBER = 4


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A loopback model that takes 500 tokens and gives 50 per call; its API base."""
    with model_server(0) as base:
        yield base


def priced_by(source: str, server: str) -> tuple[Endpoint, dict[str, float], float]:
    """Return an endpoint, the prices that the form is given, and the dollars of one call."""
    if source == "endpoint":
        prices = {"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6}
        endpoint = Endpoint(model="own", llm="openai_compatible", api_base=server, options=prices)
        return endpoint, {}, 500 * 2e-6 + 50 * 8e-6
    if source == "form":
        return scripted(SAYS), {"batch_input_price": 10.0, "batch_output_price": 50.0}, (50 * 10.0 + 10 * 50.0) / 1e6
    return Endpoint(model="openai/gpt-4o-mini", api_base=server), {}, 500 * 0.15e-6 + 50 * 0.6e-6


@pytest.mark.parametrize("source", ["endpoint", "form", "table"])
def test_a_known_price_is_followed_from_the_form_to_the_charts(
    open_page: Open, ready: Database, server: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a loopback server asks for none")
    endpoint, prices, each = priced_by(source, server)
    endpoints.save_endpoint(ready, "priced", endpoint, None)
    page = open_page("new-batch")
    page.selectbox(key="batch_teachers").set_value("llm")
    page.selectbox(key="batch_sandbox").set_value("local")
    page.number_input(key="batch_trajectories").set_value(NUMBER).run()
    for key, price in {"batch_cost": 5.0, **prices}.items():
        page.number_input(key=key).set_value(price)
    page.run()
    page.button(key="launch").click().run()
    assert not page.exception
    asyncio.run(work(ready))
    row = batches.get_batch(ready, 1)
    calls = calls_of(ready)
    assert (row.status, row.progress.waiting, row.unpriced_calls) == ("done", 0, 0), row.reason
    assert calls >= NUMBER
    assert row.cost_usd == pytest.approx(calls * each)
    shown_everywhere(open_page, calls * each)


def calls_of(db: Database) -> int:
    """Return how many model calls the stored trajectories hold."""
    rows, _ = trajectories.page(db, TrajectoryFilter(), limit=100)
    return sum(len(record.calls) for row in rows if (record := trajectories.get(db, row.id)))


def shown_everywhere(open_page: Open, spent: float) -> None:
    """Batch page, list, overview, key figures, usage table and the histogram of costs tell the same sum."""
    for name, parameters in (("batch", {"id": "1"}), ("overview", {}), ("scores", {"value": "Cost"})):
        page = open_page(name, **parameters)
        assert not page.exception
        cost = next(metric.value for metric in page.metric if metric.label == "Cost")
        assert float(cost.removeprefix("$")) == pytest.approx(spent, rel=0.05), name
    usage = next(table.value for table in page.dataframe if "cost_usd" in table.value.columns)
    assert usage["cost_usd"].sum() == pytest.approx(spent)
    assert not any("nothing was measured" in caption.value for caption in page.caption)
    listed = next(table.value for table in open_page("batches").dataframe)
    assert listed["cost"].tolist() == [pytest.approx(spent)]
