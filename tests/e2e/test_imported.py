"""An imported file in the browser: what came in, and a call of it corrected without a domain to replay it in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from engine.importing.read import importer_of, read
from engine.importing.report import Report
from engine.types import TrajectoryFilter
from storage.intake import imports
from storage.reviewing import trajectories
from storage.reviewing.reviews import reviews_of
from tests.e2e.conftest import NARROW, WIDE, Studio, ready, until

pytestmark = pytest.mark.browser

TOOL = {
    "name": "book_table",
    "description": "Book a table.",
    "parameters": {
        "type": "dict",
        "properties": {"name": {"type": "string"}, "guests": {"$ref": "#/$defs/Guests"}, "near": {"type": "tuple"}},
    },
}


def row(number: int, **more: Any) -> dict[str, Any]:
    call = {"id": "c", "function": {"name": "book_table", "arguments": json.dumps({"name": "Ada", "guests": number})}}
    said = [
        {"role": "developer", "content": "You book tables."},
        {"role": "user", "content": f"A table for {number}, please."},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning": "All is known."},
        {"role": "tool", "tool_call_id": "c", "content": '{"ok": true}'},
        {"role": "assistant", "content": "It is booked.", "weight": number % 2},
    ]
    return {"messages": said, "tools": [TOOL], "source": "web"} | more


@pytest.fixture(scope="module")
def taken_in(studio: Studio) -> tuple[int, int]:
    """The batch of a file with two records that cannot be read, and its first trajectory."""
    rows = [row(1), {"messages": []}, row(2), {"messages": [{"role": "robot"}]}, row(3, label=False)]
    source = io.BytesIO("".join(json.dumps(one) + "\n" for one in rows).encode())
    report = Report()
    found = read(importer_of("chat_jsonl", {}), source, "tables.jsonl", report)
    batch = imports.insert(studio.database, "tables", found, report.as_dict).batch
    first = next(trajectories.stream(studio.database, TrajectoryFilter(batches=(batch,))))[0]
    return batch, first


def test_the_batch_says_what_came_in(
    page: Page, studio: Studio, taken_in: tuple[int, int], screenshot: Callable[[str], Path]
) -> None:
    for theme in ("light", "dark"):
        for size in (WIDE, NARROW):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.goto(f"{studio.url}/batch?id={taken_in[0]}")
            ready(page)
            heading = page.get_by_role("heading", name="What came in")
            expect(heading).to_be_visible()
            heading.scroll_into_view_if_needed()
            screenshot(f"imported_batch_{theme}_{size[0]}")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("Keys that are not carried: source 3")
    expect(main).to_contain_text("Set aside: 2 records")


def test_a_call_without_a_world_is_corrected_unverified(
    page: Page, studio: Studio, taken_in: tuple[int, int], screenshot: Callable[[str], Path]
) -> None:
    identity = taken_in[1]
    for theme, size in (("dark", NARROW), ("light", WIDE)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(f"{studio.url}/trajectory?id={identity}&turn=2")
        ready(page)
        expect(page.locator("#turn-2.current")).to_be_visible()
        if size == NARROW:
            screenshot("imported_trajectory_narrow")
    page.keyboard.press("f")
    arguments = page.get_by_role("textbox", name="Arguments as JSON")
    expect(arguments).to_be_visible()
    expect(page.get_by_test_id("stMain")).to_contain_text("leads nowhere")
    arguments.fill('{"name": "Ada", "guests": 4}')
    arguments.press("Control+Enter")
    expect(page.get_by_test_id("stAlert").filter(has_text="belongs to no domain here")).to_be_visible()
    expect(page.get_by_role("button", name="Replay in the sandbox")).to_have_count(0)
    page.get_by_role("button", name="Use this correction").scroll_into_view_if_needed()
    screenshot("imported_correction")
    page.get_by_role("button", name="Use this correction").click()
    until(lambda: any(review.unverified for review in reviews_of(studio.database, identity)), 20)
    fixed = page.get_by_text("unverified: never played in a sandbox")
    expect(fixed).to_be_visible()
    fixed.scroll_into_view_if_needed()
    screenshot("imported_corrected")
