"""Attachments of turns: whole records carry them (without clocks), others count them as lost, reviews move them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from engine import plugins
from engine.errors import InputError
from engine.exporting.json import dump_bytes
from engine.exporting.record import _read, record_of
from engine.exporting.record import read as read_body
from engine.importing.read import importer_of
from engine.importing.read import read as read_file
from engine.importing.report import Report
from engine.types import PROVIDER_STATE, SECONDS, TOKENS, Attachment, Review, Trajectory
from storage.intake.rows import dump
from tests.exporting.export_steps import applied, exported, opened
from tests.samples.trajectories import shop_trajectory
from tests.samples.turns import PARALLEL, assistant_turn, calling_turn

CLOCKS = (Attachment(turn=3, kind=SECONDS, value=0.25), Attachment(turn=4, kind=SECONDS, value=1))
CONTENT = (
    Attachment(turn=2, kind="vote", value={"for": ["c1"], "of": 3}),
    Attachment(turn=5, kind="draft", value="#W1 costs more."),
    Attachment(turn=5, kind="something_new", version=7, value=[None, 2**70]),
)

SECRET = "OPAQUE-STATE-0123456789"
STATE = Attachment(turn=2, kind=PROVIDER_STATE, value={"message": {"thinking_blocks": [{"signature": SECRET}]}})


def attached(*attachments: Attachment, **changes: Any) -> Trajectory:
    return shop_trajectory(0, PARALLEL, attachments=attachments, **changes)


def whole(trajectory: Trajectory, **options: Any) -> dict[str, Any]:
    return exported("trajectory", [trajectory], **options)[0][0]


def read(row: dict[str, Any]) -> Trajectory:
    importer = plugins.load("importers", "trajectory")
    (found,) = importer.make(importer.config()).trajectories([dump_bytes(row)], "data.jsonl")
    return found


# ---------------------------------------------------------------- whole records


def test_a_whole_record_holds_them_in_their_turns_and_brings_them_back() -> None:
    row = whole(attached(*CONTENT))
    assert row.keys() == whole(attached()).keys(), "the columns are the same"
    turns = opened(row)["turns"]
    vote = {"kind": "vote", "version": 1, "value": {"for": ["c1"], "of": 3}}
    assert [turn.get("attachments") for turn in turns[:5]] == [None, None, [vote], None, None]
    assert [one["version"] for one in turns[5]["attachments"]] == [1, 7]
    back = read(row)
    assert back.attachments == CONTENT
    assert back.turns == PARALLEL
    assert whole(back) == row


def test_clocks_leave_only_when_asked_for() -> None:
    slow = [one.model_copy(update={"value": 99.0}) for one in CLOCKS]
    assert whole(attached(*CLOCKS)) == whole(attached(*slow)) == whole(attached())
    assert whole(attached(*CLOCKS, *CONTENT)) == whole(attached(*CONTENT))
    row = whole(attached(*CLOCKS, *CONTENT), include_execution=True)
    assert sorted(read(row).attachments, key=str) == sorted((*CLOCKS, *CONTENT), key=str)


def test_one_beside_a_turn_that_is_not_there_is_counted_as_lost() -> None:
    rows, report = exported("trajectory", [attached(*CONTENT, Attachment(turn=6, kind="vote"))])
    assert rows == [whole(attached(*CONTENT))]
    assert report["lost"] == {"attachments": 1}
    assert exported("trajectory", [attached(*CONTENT)])[1]["lost"] == {}


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"kind": "vote"}, "line 1, field turns.2.attachments: is no list of objects"),
        (["vote"], "line 1, field turns.2.attachments: is no list of objects"),
        ([{"kind": "vote"}, {"version": 1}], "line 1, turn 2, attachment 2, field kind"),
        ([{"kind": "vote", "version": 0}], "line 1, turn 2, attachment 1, field version"),
        ([{"kind": "vote", "weight": 1}], "line 1, turn 2, attachment 1, field weight"),
    ],
)
def test_an_attachment_that_is_none_is_refused_by_turn_and_field(beside: Any, told: str) -> None:
    row = whole(attached())
    turns = json.loads(row["turns"])
    turns[1]["attachments"] = beside
    with pytest.raises(InputError, match=told.replace(".", r"\.")):
        read(row | {"turns": json.dumps(turns)})


# ---------------------------------------------------------------- other formats


@pytest.mark.parametrize("name", [name for name in plugins.names("exporters") if name not in ("trajectory", "atif")])
def test_a_format_without_a_place_for_them_passes_them_over_and_counts_them(name: str) -> None:
    rows, report = exported(name, [attached(*CLOCKS, *CONTENT), attached(id="other")])
    before, told = exported(name, [attached(), attached(id="other")])
    assert rows == before
    assert report == told | {"lost": told["lost"] | {"attachments": 1}}


@pytest.mark.parametrize("name", plugins.names("exporters"))
def test_clocks_change_neither_rows_nor_report(name: str) -> None:
    assert exported(name, [attached(*CLOCKS)]) == exported(name, [attached()])


# ---------------------------------------------------------------- what never leaves


@pytest.mark.parametrize("name", plugins.names("exporters"))
def test_a_providers_state_leaves_in_no_format(name: str) -> None:
    assert exported(name, [attached(*CONTENT, STATE)]) == exported(name, [attached(*CONTENT)])
    if name == "trajectory":
        rows = exported(name, [attached(*CLOCKS, STATE)], include_execution=True)
        assert rows == exported(name, [attached(*CLOCKS)], include_execution=True)


def test_a_stored_body_is_read_without_it() -> None:
    body = dump(attached(*CONTENT, STATE))
    assert SECRET in body
    assert SECRET not in dump_bytes(read_body(body.encode())).decode()
    assert attached(*CONTENT, STATE).as_shown() == attached(*CONTENT)
    assert Trajectory.model_validate_json(body).attachments == (*CONTENT, STATE), "the database keeps it"


def test_a_providers_state_in_a_file_is_not_imported() -> None:
    """Neither in its turn nor in the place where a record holds its attachments."""
    row = whole(attached(*CONTENT))
    turns = json.loads(row["turns"])
    turns[2]["attachments"].append(STATE.model_dump(exclude={"turn"}))
    nested = json.loads(attached(STATE).model_dump_json()) | {"schema": "turnwright/trajectory/1"}
    file = io.BytesIO(b"".join(dump_bytes(one) + b"\n" for one in (row | {"turns": json.dumps(turns)}, nested)))
    found = list(read_file(importer_of("trajectory", {}), file, "data.jsonl", Report()))
    assert [one.attachments for one in found] == [CONTENT, ()]


def test_tokens_leave_with_whole_records() -> None:
    tokens = Attachment(turn=2, kind=TOKENS, value={"ids": [5, 7], "logprobs": [-0.5, None], "prompt_ids": [1]})
    assert read(whole(attached(tokens))).attachments == (tokens,)


# ---------------------------------------------------------------- bodies


def test_a_body_without_them_is_still_read_and_not_checked_in_full() -> None:
    body = json.loads(dump(attached()))
    assert body.pop("attachments") == []
    older = json.dumps(body)
    assert Trajectory.model_validate_json(older) == attached()
    assert dump_bytes(_read(older.encode())) == dump_bytes(record_of(attached()))


def test_unknown_kinds_and_newer_versions_are_kept() -> None:
    assert Trajectory.model_validate_json(dump(attached(*CONTENT))).attachments == CONTENT


# ---------------------------------------------------------------- reviews


def test_a_masked_turn_keeps_what_stands_beside_it() -> None:
    found = applied(attached(*CLOCKS, *CONTENT), [Review(trajectory=0, turn=5, verdict="reject")])
    assert found.attachments == (*CLOCKS, *CONTENT)


def test_a_turn_that_is_cut_takes_it_along() -> None:
    found = applied(attached(*CLOCKS, *CONTENT), [Review(trajectory=0, turn=5, verdict="reject")], "cut")
    assert found.attachments == (*CLOCKS, CONTENT[0])


def test_a_corrected_turn_loses_it_and_what_follows_keeps_it() -> None:
    first = assistant_turn("Which orders?")
    turns = (*PARALLEL[:2], first, PARALLEL[1], *PARALLEL[2:])
    moved = [one.model_copy(update={"turn": one.turn + 2}) for one in (*CLOCKS, *CONTENT)]
    trajectory = shop_trajectory(0, turns, attachments=(Attachment(turn=2, kind="vote", value=1), *moved))
    review = Review(trajectory=0, turn=2, verdict="fix", fix=assistant_turn("Which two orders?"))
    found = applied(trajectory, [review])
    assert found.turns[2].original == first
    assert found.attachments == tuple(moved)


def test_results_of_a_corrected_call_have_none_and_those_behind_move() -> None:
    fix = calling_turn(("c1", "get_order", {"id": "#W1"}))
    review = Review(trajectory=0, turn=2, verdict="fix", fix=fix, replayed=(PARALLEL[3],), diverges=False, fits_until=6)
    found = applied(attached(*CLOCKS, *CONTENT), [review])
    assert [turn.role for turn in found.turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert found.attachments == tuple(one.model_copy(update={"turn": 4}) for one in CONTENT[1:])
