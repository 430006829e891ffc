"""Correcting a call in the browser, with the real engine: the replay, how far the record follows, and the export."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from engine.domains import pack_files
from engine.types import Batch, DomainShare, Recipe, Trajectory, TrajectoryFilter
from pages.review.parts.fix_calls import calls_text
from storage.designing import domains
from storage.exporting import exports
from storage.generating import batches
from storage.reviewing import trajectories
from storage.reviewing.reviews import reviews_of
from storage.serving import requests
from tests.e2e.conftest import Studio, ready, until
from tests.samples.packs import LEDGER

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def moved(studio_with_engine: Studio) -> tuple[int, Trajectory, int]:
    """A dialogue of two requests that the engine rolled out, and the turn in it that moves money first."""
    db = studio_with_engine.database
    domains.save_domain(db, pack_files.read_folder(LEDGER), based_on=None)
    shares = (DomainShare(id="ledger", templates=("move", "balance")),)
    wanted = Batch(name="Moves", domains=shares, trajectories=12, modes={"dependent": 1}, turns={2: 1}, sandbox="local")
    number = batches.create_batch(db, wanted)
    until(lambda: batches.get_batch(db, number).status == "done", 90)
    for identity, body, _ in trajectories.stream(db, TrajectoryFilter(batches=(number,), statuses=("kept",))):
        found = Trajectory.model_validate_json(body)
        for place, turn in enumerate(found.turns[:-4]):
            if [call.name for call in turn.tool_calls] == ["transfer"]:
                return identity, found, place
    raise AssertionError("nothing moved money")


def test_a_corrected_call_is_replayed_and_the_export_ends_where_the_record_no_longer_follows(
    page: Page,
    studio_with_engine: Studio,
    moved: tuple[int, Trajectory, int],
    screenshot: Callable[[str], Path],
) -> None:
    identity, record, turn = moved
    studio = studio_with_engine
    page.goto(f"{studio.url}/trajectory?id={identity}&turn={turn}")
    ready(page)
    expect(page.locator(f"#turn-{turn}.current")).to_be_visible()
    page.keyboard.press("f")
    way = page.locator(f".st-key-fix_way_{identity}_{turn}")
    way.get_by_text("JSON").click()
    calls = page.get_by_role("textbox", name="Tool calls as JSON")
    expect(calls).to_have_value(calls_text(record.turns[turn].tool_calls))
    recorded = record.turns[turn].tool_calls[0].arguments
    calls.fill(calls_text(record.turns[turn].tool_calls).replace(f'"{recorded["source"]}"', "7"))
    calls.press("Control+Enter")
    refused = page.get_by_test_id("stAlert").filter(has_text="source")
    expect(refused).to_have_count(1)
    amount = recorded["amount"] + 1
    calls.fill(calls_text(record.turns[turn].tool_calls))
    calls.press("Control+Enter")
    way.get_by_text("Form").click()
    field = page.get_by_role("spinbutton", name="amount")
    expect(field).to_have_value(str(recorded["amount"]))
    field.fill(str(amount))
    field.press("Enter")
    use = page.get_by_role("button", name="Use this correction")
    expect(refused).to_have_count(0)
    expect(use).to_be_disabled()
    page.get_by_role("button", name="Replay in the sandbox").click()
    expect(page.get_by_text("The workspace behind this turn differs")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("radio", name="End behind this turn")).to_be_checked()
    expect(use).to_be_enabled()
    screenshot("review-correction")
    use.click()
    expect(page.locator(f"#turn-{turn} .fixed")).to_contain_text(str(amount))
    expect(page.locator(f"#turn-{turn} .fixed")).to_contain_text("source_balance")
    expect(page.locator(f"#turn-{turn + 1}")).to_contain_text("replaced by the corrected call's result")
    behind = turn + 2
    expect(page.locator(f"#turn-{behind}")).to_contain_text("not exported")
    (review,) = reviews_of(studio.database, identity)
    assert review.fix
    assert review.fix.original == record.turns[turn]
    assert (review.verdict, review.diverges, review.fits_until) == ("fix", True, behind)
    assert json.loads(review.replayed[0].content)["source_balance"] == (
        json.loads(record.turns[turn + 1].content)["source_balance"] - 1
    )
    last = exported(studio)["messages"][-1]
    assert last["tool_calls"][0]["function"]["arguments"]["amount"] == amount


def exported(studio: Studio) -> dict[str, Any]:
    """Return the one row of an export of the corrected trajectories, built by the engine."""
    db = studio.database
    recipe = Recipe(name="corrected", filter=TrajectoryFilter(verdicts=("fix",)), splits={"train": 1.0})
    number = exports.create_export(db, recipe)
    requests.submit(db, "build_export", {"export_id": number})
    row = until(lambda: (found := exports.get_export(db, number)) and found.status == "done" and found, 30)
    with zipfile.ZipFile(studio.home / "exports" / str(row.path)) as archive:
        (line,) = archive.read("train.jsonl").splitlines()
    return dict(json.loads(line))
