"""Imported trajectories in the studio: the report is shown, any tool is drawn, calls can be corrected unverified."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from engine.exporting.reviewed import UNVERIFIED
from engine.importing.read import importer_of, read
from engine.importing.report import Report
from engine.reviewing.corrections import ends_at
from engine.types import Tool
from pages._ui.schema_form import type_words
from pages.review.parts.fix_form import fix_key
from storage.database import Database
from storage.generating import batches
from storage.intake import imports
from storage.reviewing.reviews import reviews_of
from storage.reviewing.trajectories import get
from tests.exporting.export_steps import applied, exported
from tests.reading.test_references import ANY_TOOL

Opener = Callable[..., AppTest]
DANGLING = {"type": "object", "properties": {"q": {"$ref": "#/$defs/Gone"}, "n": {"type": "integer"}}}


def imported(database: Database, tmp_path: Path, *rows: Any) -> int:
    file = tmp_path / "theirs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = Report()
    with file.open("rb") as source:
        found = read(importer_of("chat_jsonl", {}), source, file.name, report)
        return imports.insert(database, file.stem, found, report.as_dict).batch


def row(parameters: Any, arguments: Any = '{"q": "x"}', **more: Any) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    said = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        {"role": "assistant", "content": "Done."},
    ]
    return {"messages": said, "tools": [{"name": "f", "description": "d", "parameters": parameters}]} | more


def correcting(open_page: Opener, turn: int = 1) -> AppTest:
    shown = open_page("trajectory", id="1")
    shown.session_state[fix_key(1)] = turn
    return shown.run()


def json_area(form: AppTest) -> Any:
    if not any((area.key or "").startswith("fix_calls_1_1") for area in form.text_area):
        form.button_group(key="fix_way_1_1").set_value("JSON").run()
    return next(area for area in form.text_area if (area.key or "").startswith("fix_calls_1_1"))


def test_the_batch_page_tells_what_came_in(database: Database, open_page: Opener, tmp_path: Path) -> None:
    number = imported(database, tmp_path, row(DANGLING, source="web"), {"messages": []}, row({}, '{"broken'))
    page = open_page("batch", id=str(number))
    assert not page.exception
    assert "What came in" in [head.value for head in page.header]
    metrics = {one.label: one.value for one in page.metric}
    assert (metrics["Records"], metrics["Imported"], metrics["Set aside"]) == ("3", "2", "1")
    said = " ".join(text.value for text in page.caption).replace("\\", "")
    assert "Keys that are not carried: source 1" in said
    assert "Will not leave in chat formats as they are: unparsable call 1" in said
    tables = [frame.value.to_dict("records") for frame in page.dataframe]
    assert any("line 2, field messages" in str(rows[0].get("Reason")) for rows in tables)
    assert any("leads nowhere" in str(rows[0].get("What")) for rows in tables)


def test_an_incomplete_import_offers_no_way_on_but_deleting(database: Database, open_page: Opener) -> None:
    def breaks() -> Any:
        yield from (get_made(n) for n in range(imports.CHUNK))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imports.insert(database, "half", breaks())
    page = open_page("batch", id="1")
    assert any(imports.INCOMPLETE in error.value.replace("\\", "") for error in page.error)
    assert {button.key for button in page.button} & {"resume_1", "retry_1"} == set()
    assert "delete_1" in {button.key for button in page.button}


def get_made(number: int) -> Any:
    from tests.samples.trajectories import refund_trajectory

    return refund_trajectory(number)


@pytest.mark.parametrize(
    "parameters",
    [
        DANGLING,
        {"type": "dict", "properties": {"q": {"type": "string"}, "x": {"type": "tuple"}}},
        {"type": "object", "properties": {"q": {"$ref": "https://example.invalid/s.json"}}},
        {"type": "object", "properties": {"q": {"$ref": "#/properties/q"}}},
        {"type": "object", "properties": ["q"], "required": "q"},
        {"properties": {"q": "string", "r": True, "s": None}},
        {"anyOf": [{"properties": {"q": {"type": "string"}}}]},
        {},
    ],
)
def test_a_call_is_corrected_whatever_its_schema_says(
    parameters: dict[str, Any], database: Database, open_page: Opener, tmp_path: Path
) -> None:
    imported(database, tmp_path, row(parameters))
    form = correcting(open_page)
    assert not form.exception
    json_area(form).set_value('[{"name": "f", "arguments": {"q": "y"}}]').run()
    assert not form.exception
    assert not form.error
    assert any("*unverified*" in info.value and "no domain" in info.value for info in form.info)
    assert not any("replay" in (button.key or "") for button in form.button)
    form.button(key="fix_1_1_use").click().run()
    assert not form.exception
    (review,) = reviews_of(database, 1)
    assert review.unverified
    assert review.fix is not None
    assert review.fix.tool_calls[0].arguments == {"q": "y"}
    stored = get(database, 1)
    assert stored is not None
    assert ends_at(stored.turns, [review]) == 2
    leaving = applied(stored, [review], "mask")
    assert leaving is not None
    assert [turn.role for turn in leaving.turns] == ["user", "assistant"]
    assert leaving.remarks[0].tags == (UNVERIFIED,)
    rows, _ = exported("chat_jsonl", [leaving])
    assert rows[0]["messages"][-1]["tool_calls"][0]["function"]["arguments"] == {"q": "y"}
    assert rows[0]["messages"][-1]["train"]


def test_a_broken_schema_is_drawn_as_json_and_says_why(database: Database, open_page: Opener, tmp_path: Path) -> None:
    imported(database, tmp_path, row(DANGLING))
    form = correcting(open_page)
    told = " ".join(text.value for text in form.caption).replace("\\", "")
    assert "There are no fields for this tool, and its arguments are not checked" in told
    assert "'#/$defs/Gone' leads nowhere" in told
    area = next(area for area in form.text_area if (area.key or "").endswith("_f_json"))
    assert json.loads(area.value) == {"q": "x"}
    area.set_value('{"q": [1]}').run()
    form.button(key="fix_1_1_use").click().run()
    (review,) = reviews_of(database, 1)
    assert review.fix is not None
    assert review.fix.tool_calls[0].arguments == {"q": [1]}


MISFITS = {"text": 5, "count": "7", "share": True, "whole": 5.0}


def test_an_argument_that_does_not_fit_its_field_stays_until_somebody_changes_it(
    database: Database, open_page: Opener, tmp_path: Path
) -> None:
    kinds = {"text": "string", "count": "integer", "share": "number", "whole": "integer", "city": "string"}
    properties: dict[str, Any] = {name: {"type": kind} for name, kind in kinds.items()}
    properties |= {"late": {"type": "boolean"}, "size": {"enum": ["s", "m"]}}
    given = {**MISFITS, "city": "Rome", "late": "yes", "size": "huge"}
    imported(database, tmp_path, row({"type": "object", "properties": properties, "required": ["count"]}, given))
    form = correcting(open_page)
    shown = {area.label.split(" ")[0].rstrip(","): area.value for area in form.text_area}
    assert {name: shown.get(name) for name in MISFITS} == {name: json.dumps(value) for name, value in MISFITS.items()}
    chosen = {box.label.split(" ")[0]: box for box in form.selectbox}
    assert (chosen["late"].value, chosen["size"].value) == (None, None)
    told = form.error[0].value.replace("\\", "")
    assert ("late: choose one." in told, "size: choose one." in told) == (True, True)
    chosen["late"].set_value(True)
    chosen["size"].set_value("m").run()
    next(one for one in form.text_input if one.label.startswith("city")).set_value("Oslo").run()
    assert "is not of type" in form.error[0].value
    for name, value in {"text": '"five"', "count": "7", "share": "0.5"}.items():
        next(area for area in form.text_area if area.label.startswith(name)).set_value(value)
    form.run().button(key="fix_1_1_use").click().run()
    (review,) = reviews_of(database, 1)
    assert review.fix is not None
    wanted = {"text": "five", "count": 7, "share": 0.5, "whole": 5.0, "city": "Oslo", "late": True, "size": "m"}
    assert json.dumps(review.fix.tool_calls[0].arguments, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def test_broken_arguments_are_shown_and_can_be_mended(database: Database, open_page: Opener, tmp_path: Path) -> None:
    imported(database, tmp_path, row({"type": "object", "properties": {"q": {"type": "string"}}}, '{"q": "x"'))
    form = correcting(open_page)
    assert json.loads(json_area(form).value) == [{"name": "f", "arguments": '{"q": "x"'}]
    assert "Arguments are a JSON object" in form.error[0].value
    json_area(form).set_value('[{"name": "f", "arguments": {"q": "x"}}]').run()
    form.button(key="fix_1_1_use").click().run()
    (review,) = reviews_of(database, 1)
    stored = get(database, 1)
    assert stored is not None
    assert exported("chat_jsonl", [stored])[1]["dropped"] == {"unparsable_call": 1}
    leaving = applied(stored, [review], "mask")
    assert leaving is not None
    assert exported("chat_jsonl", [leaving])[1]["exported"] == 1


def test_a_call_of_a_tool_that_the_file_declares_nowhere_can_be_corrected(
    database: Database, open_page: Opener, tmp_path: Path
) -> None:
    bare = row({})
    del bare["tools"]
    imported(database, tmp_path, bare)
    form = correcting(open_page)
    json_area(form).set_value('[{"name": "f", "arguments": {"q": "y"}}]').run()
    assert not form.error
    json_area(form).set_value('[{"name": "g", "arguments": {}}]').run()
    assert "there is no tool 'g'" in form.error[0].value.replace("\\", "")


def test_text_of_an_imported_turn_is_corrected_without_a_word_on_replays(
    database: Database, open_page: Opener, tmp_path: Path
) -> None:
    imported(database, tmp_path, row({}))
    form = correcting(open_page, turn=3)
    form.text_area(key="fix_text_1_3").set_value("All done.").run()
    assert not any("unverified" in info.value for info in form.info)
    form.button(key="fix_1_3_use").click().run()
    assert [review.unverified for review in reviews_of(database, 1)] == [False]


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    many=st.lists(ANY_TOOL, min_size=25, max_size=25),
    start=st.dictionaries(st.sampled_from("ab"), st.none() | st.integers(), max_size=2),
)
def test_any_schema_can_be_drawn(many: list[dict[str, Any]], start: dict[str, Any]) -> None:
    def draw(tools: object, start: object) -> None:
        import streamlit as st

        from engine.types import Tool
        from pages._ui.schema_form import schema_form
        from pages.review.parts.fix_form import _signature

        for place, parameters in enumerate(tools):  # type: ignore[arg-type, var-annotated]
            tool = Tool(name="f", description="", parameters=parameters, effect="write")
            schema_form(tool, key=f"f{place}")
            found, _ = schema_form(tool, key=f"g{place}", start=start)  # type: ignore[arg-type]
            assert all(name in found for name in start), "nothing that was there is dropped"  # type: ignore[attr-defined]
            st.text(_signature(parameters))

    plain = [{key: value for key, value in one.items()} for one in many]
    shown = AppTest.from_function(draw, kwargs={"tools": plain, "start": {}}, default_timeout=60).run()
    assert not shown.exception, shown.exception[0].stack_trace
    shown = AppTest.from_function(draw, kwargs={"tools": plain, "start": start}, default_timeout=60).run()
    assert not shown.exception, shown.exception[0].stack_trace


@settings(max_examples=300, deadline=None, derandomize=True)
@given(parameters=ANY_TOOL)
def test_any_type_has_words(parameters: dict[str, Any]) -> None:
    assert isinstance(type_words(parameters), str)
    assert Tool(name="f", description="", parameters=parameters, effect="read").schema_for_model()


def test_an_imported_batch_cannot_be_resumed(database: Database, tmp_path: Path) -> None:
    number = imported(database, tmp_path, row({}))
    with pytest.raises(Exception, match="was imported"):
        batches.command(database, number, "resume")
