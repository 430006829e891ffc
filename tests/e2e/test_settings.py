"""Models in a browser, with the engine beside: add, call, refuse a key, two tabs, delete; engine, sandbox, storage."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from bench.model_path import model_server
from engine.types import Endpoint
from storage import preferences
from storage.generating import endpoints
from storage.serving import engines
from tests.e2e.conftest import Studio, free_port, ready, until
from tests.e2e.controls import choose, fill

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]
KEY = "sk-abcdefghijklmnopqrstuvwxyz0123"


@pytest.fixture(name="model_server")
def served() -> Iterator[str]:
    """A loopback server that speaks the OpenAI protocol; gives its API base."""
    with model_server(0.05) as base:
        yield base


def settings(studio: Studio, page: Page) -> Page:
    until(lambda: engines.newest(studio.database), 60)
    page.goto(f"{studio.url}/settings")
    ready(page)
    return page


def add(page: Page, name: str, **texts: str) -> str:
    """Fill the form of a new model; return the key that its widgets start with."""
    form = page.locator(".st-key-add_model")
    if not form.locator('[data-testid="stTextInput"]').first.is_visible():
        form.locator("summary").first.click()
    key = "add_model_0"
    fill(page, f"{key}_name", name)
    for field, text in texts.items():
        fill(page, f"{key}_{field}", text)
    return key


def test_a_scripted_model_is_added_called_and_deleted(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    settings(studio, page)
    key = add(page, "double", model="played")
    choose(page, f"{key}_llm", re.compile("Scripted"))
    expect(page.get_by_role("alert").filter(has_text="give a list of replies")).to_be_visible()
    ready(page)
    page.get_by_text("Sampling, timeout, retries and options").first.click()
    choose(page, f"{key}_scripted_follow", "Tools")
    page.locator(f".st-key-{key}_test button").first.click()
    expect(page.get_by_text("Answered in")).to_be_visible(timeout=40_000)
    expect(page.get_by_text("It called the tool, but its answer does not use the result: Done.")).to_be_visible()
    expect(page.get_by_text("tried just now")).to_be_visible()
    page.locator(f".st-key-{key}_save button").first.click()
    until(lambda: [row.name for row in endpoints.list_endpoints(studio.database)] == ["double"], 15)
    page.locator(".st-key-model_double summary").first.click()
    page.locator(".st-key-model_double_1_delete button").first.click()
    page.locator(".st-key-model_double_1_delete_yes button").first.click()
    until(lambda: not endpoints.list_endpoints(studio.database), 15)


def test_a_server_of_ours_is_called_and_one_that_is_not_there_told(
    studio_with_engine: Studio, page: Page, model_server: str
) -> None:
    settings(studio_with_engine, page)
    key = add(page, "server", model="bench", base=f"http://127.0.0.1:{free_port()}/v1")
    choose(page, f"{key}_llm", re.compile("OpenAI-compatible server"))
    page.locator(f".st-key-{key}_test button").first.click()
    expect(page.get_by_role("alert").filter(has_text="127.0.0.1")).to_be_visible(timeout=40_000)
    fill(page, f"{key}_base", model_server)
    page.locator(f".st-key-{key}_test button").first.click()
    # four replies: the call and the answer to its result, two calls at once, JSON by a schema
    expect(page.get_by_text("2,000 + 200 tokens, cost unknown")).to_be_visible(timeout=40_000)


def test_a_pasted_key_is_stored_nowhere(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    settings(studio, page)
    key = add(page, "careless", model="m", variable=KEY)
    alert = page.get_by_role("alert").filter(has_text="not the name of an environment variable")
    expect(alert).to_be_visible()
    expect(page.locator(f".st-key-{key}_save button").first).to_be_disabled()
    assert page.locator(f".st-key-{key}_test").count() == 0
    files = [path for path in studio.home.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_the_second_of_two_tabs_is_told(studio_with_engine: Studio, page: Page, context: BrowserContext) -> None:
    studio = studio_with_engine
    endpoints.save_endpoint(studio.database, "shared", Endpoint(model="first"), None)
    tabs = [settings(studio, page), settings(studio, context.new_page())]
    for tab in tabs:
        tab.locator(".st-key-model_shared summary").first.click()
        expect(tab.locator(".st-key-model_shared_1_model input")).to_have_value("first")
    for tab, text in zip(tabs, ("mine", "yours"), strict=True):
        fill(tab, "model_shared_1_model", text)
        tab.locator(".st-key-model_shared_1_save button").first.click()
        ready(tab)
    until(lambda: endpoints.get_endpoint(studio.database, "shared").version == 2, 15)
    expect(tabs[1].get_by_role("alert").filter(has_text="Somebody else saved this").first).to_be_visible()
    tabs[1].get_by_role("button", name="Load what is saved").click()
    expect(tabs[1].locator(".st-key-model_shared_2_model input")).to_have_value("mine")
    assert endpoints.get_endpoint(studio.database, "shared").endpoint.model == "mine"


def test_engine_sandbox_and_storage_are_shown(studio_with_engine: Studio, page: Page) -> None:
    studio = studio_with_engine
    settings(studio, page)
    page.get_by_role("tab", name="Engine").click()
    expect(page.get_by_text("Answering")).to_be_visible()
    page.get_by_role("tab", name="Sandbox").click()
    choose(page, "sandbox_choice", "Local")
    until(lambda: preferences.get(studio.database, "sandbox") == "local", 15)
    page.get_by_role("tab", name="Storage").click()
    expect(page.get_by_text("Database", exact=True).first).to_be_visible()
    page.goto(f"{studio.url}/new-batch")
    ready(page)
    expect(page.locator(".st-key-batch_sandbox input")).to_have_value(re.compile("without isolation"))
