"""Turns that a reviewer rejected: the form's choice (mask or cut) shows in the preview and in the built file."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.serving.desk import Desk
from engine.types import Request, Review
from storage.database import Database
from storage.exporting import exports
from storage.reviewing import reviews
from storage.serving.library import SqlLibrary
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

Row = dict[str, Any]
REJECTED = 7
"""The turn, an assistant's with two calls: 2, 5, 7 and 10 are the assistant's turns of the dialogue."""


@pytest.fixture
def reviewed(database: Database) -> Database:
    """One dialogue of two requests; the first answer to the second request was rejected."""
    insert_imported(database, "in", [refund_trajectory(0, rounds=2)])
    reviews.save_review(database, Review(trajectory=1, turn=REJECTED, reviewer="me", verdict="reject"))
    return database


def flags(row: Row, name: str) -> list[Any]:
    return [turn.get(name) for turn in row["messages"] if turn["role"] == "assistant"]


def masked(row: Row) -> list[int]:
    return [place for place, turn in enumerate(json.loads(row["turns"])) if turn["train"] is False]


def stretches(rows: list[Row]) -> list[tuple[int, int]]:
    return [(len(row["prompt"]), len(row["completion"])) for row in rows]


def spoken(row: Row) -> list[str]:
    return [turn["from"] for turn in row["conversations"]]


WHOLE = ["human", "function_call", "observation", "gpt"]
MARKS = [True, True, False, True]
FLAG = {"turn_flag": "none"}
CASES: dict[str, tuple[str, str, dict[str, Any], Callable[[list[Row], Row], bool]]] = {
    "a flag for axolotl": (
        "chat_jsonl", "mask", {}, lambda rows, report: flags(rows[0], "train") == MARKS
    ),
    "a flag for ms-swift": (
        "chat_jsonl", "mask", {**FLAG, "loss": "ms_swift"},
        lambda rows, report: flags(rows[0], "loss") == MARKS and flags(rows[0], "train") == [None] * 4,
    ),
    "rows of what is trained, for TRL": (
        "chat_jsonl", "mask", {**FLAG, "split_untrained": True},
        lambda rows, report: stretches(rows) == [(2, 4), (10, 1)] and "train" not in report["lost"],
    ),
    "given up and counted": (
        "chat_jsonl", "mask", FLAG,
        lambda rows, report: flags(rows[0], "train") == [None] * 4 and report["lost"]["train"] == 1,
    ),
    "the dialogue ends before it": (
        "chat_jsonl", "cut", {}, lambda rows, report: flags(rows[0], "train") == MARKS[:2]
    ),
    "cut in llamafactory, which has no flag": (
        "llamafactory", "mask", {}, lambda rows, report: spoken(rows[0]) == WHOLE
    ),
    "trained in llamafactory, and counted": (
        "llamafactory", "mask", {"masked": "train"},
        lambda rows, report: spoken(rows[0]) == WHOLE * 2 and report["lost"]["train"] == 1,
    ),
    "cut by the recipe in llamafactory": (
        "llamafactory", "cut", {}, lambda rows, report: spoken(rows[0]) == WHOLE and "train" not in report["lost"]
    ),
    "marked in the complete record": (
        "trajectory", "mask", {},
        lambda rows, report: masked(rows[0]) == [REJECTED],
    ),
    "cut from the complete record": (
        "trajectory", "cut", {}, lambda rows, report: len(json.loads(rows[0]["turns"])) <= REJECTED
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(CASES))
def test_a_rejected_turn_becomes_what_the_form_says(
    open_page: Callable[..., AppTest], reviewed: Database, tmp_path: Path, case: str
) -> None:
    kind, untrained, options, right = CASES[case]
    page = open_page("exports")
    page.selectbox(key="export_format").set_value(kind).run()
    for share, part in (("train", 100), ("validation", 0)):
        page.number_input(key=f"export_share_{share}").set_value(part)
    page.selectbox(key="export_untrained").set_value(untrained)
    for name, value in options.items():
        key = f"export_{kind}_{name}"
        (page.toggle if isinstance(value, bool) else page.selectbox)(key=key).set_value(value)
    previewed, rows, report = previewed_and_built(page, reviewed, tmp_path)
    assert right(rows, report), (rows, report)
    assert previewed == rows, "the preview shows the rows as they leave"


def previewed_and_built(page: AppTest, db: Database, home: Path) -> tuple[list[Row], list[Row], Row]:
    """Show the preview of the export that the page describes, and build it; return the rows of the preview, those of
    the file, and the report."""
    page.session_state["export_preview"] = True
    page.run()
    assert not page.exception
    previewed = [json.loads(code.value) for code in page.code]
    page.button(key="build_export").click().run()
    return previewed, *built(db, home)


def built(db: Database, home: Path) -> tuple[list[Row], Row]:
    """Let the engine build the export that was asked for; return the rows of its file and its report."""

    async def pool(**_: Any) -> Any:
        raise AssertionError("an export needs no sandbox")

    (asked,) = exports.list_exports(db)
    answer = Desk(SqlLibrary(db), pool).answer(Request(1, "build_export", {"export_id": asked.id}))
    assert asyncio.run(answer)[1] is None
    row = exports.get_export(db, asked.id)
    assert row is not None
    with zipfile.ZipFile(home / "exports" / str(row.path)) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".jsonl")]
        return [json.loads(line) for line in archive.read(name).splitlines()], row.report
