"""Control tokens inside texts are counted by name, and the rows that hold them are named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from engine.exporting.build import build
from engine.exporting.control_tokens import control_tokens, may_hold_tokens
from engine.exporting.json import dump_bytes
from engine.exporting.record import record_of
from engine.types import Recipe, Review, Trajectory
from tests.exporting.export_steps import entries
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import assistant_turn, calling_turn, result_turn, user_turn

ALL = {"train": 1.0}


def saying(index: int, text: str) -> Trajectory:
    called = calling_turn(("c", "save_note", {"text": text}))
    return shop_trajectory(index, (user_turn(f"Save {index}"), called, result_turn("c", "save_note", "ok")))


TOKENS = [
    "<|im_end|>",
    "</tool_call>",
    "<think>",
    "<s>",
    "[/INST]",
    "[TOOL_CALLS]",
    "<end_of_turn>",
    "<\uff5ctool\u2581calls\u2581begin\uff5c>",
]


@pytest.mark.parametrize("token", TOKENS)
def test_tokens_of_many_models_are_found_wherever_they_stand(token: str) -> None:
    talks = (
        (user_turn(f"x {token} y"),),
        (user_turn("x"), calling_turn(("c", "f", {"deep": [{"a": token}]}))),
        (user_turn("x"), assistant_turn("y", reasoning=f"z{token}")),
    )
    for talk in talks:
        found = record_of(shop_trajectory(0, talk))
        assert control_tokens(found.turns) == [token]
        assert may_hold_tokens(shop_trajectory(0, talk).model_dump_json().encode())


@pytest.mark.parametrize("text", ["a < b", "x <= y | z", "<b>bold</b>", "[1, 2]", "[INSTALL]", "<|>", "List<String>"])
def test_other_texts_hold_none(text: str) -> None:
    assert control_tokens(record_of(saying(0, text)).turns) == []


@pytest.mark.parametrize("target", ["ms_swift", "hermes", "trl", None])
def test_report_and_card_count_tokens_and_name_their_rows(tmp_path: Path, target: str | None) -> None:
    given = [saying(0, "ends with </tool_call> inside"), saying(1, "plain"), saying(2, "<|im_end|></tool_call>")]
    found = build(Recipe(target=target, splits=ALL), entries(given), tmp_path)
    assert found.report["control_tokens"] == {"</tool_call>": 2, "<|im_end|>": 1}
    with zipfile.ZipFile(found.path) as archive:
        rows = [json.loads(line) for line in archive.read("train.jsonl").splitlines()]
        card = archive.read("README.md").decode()
    assert found.report["rows_with_control_tokens"] == [row["id"] for row in (rows[0], rows[2])]
    assert "| &lt;/tool_call> | 2 |" in card


def test_what_holds_none_is_not_mentioned(tmp_path: Path) -> None:
    found = build(Recipe(splits=ALL), entries([saying(0, "plain")]), tmp_path)
    assert "control_tokens" not in found.report
    assert "rows_with_control_tokens" not in found.report


def test_a_token_that_a_correction_brings_in_is_counted(tmp_path: Path) -> None:
    talk = (user_turn("Hello"), assistant_turn("Bad."))
    reviews = {0: [Review(trajectory=0, turn=1, verdict="fix", fix=assistant_turn("Better.<|eot_id|>"))]}
    found = build(Recipe(splits=ALL), entries([shop_trajectory(0, talk)], reviews), tmp_path)
    assert found.report["control_tokens"] == {"<|eot_id|>": 1}


def test_dump_keeps_angle_brackets_that_the_quick_look_needs() -> None:
    """`may_hold_tokens` looks at stored bytes, so a body must not write `<` as an escape."""
    assert dump_bytes({"a": "<|x|>"}) == b'{"a":"<|x|>"}'
