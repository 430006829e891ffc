"""Corrections without a browser: calls edited as form or JSON, drafts are kept, a refused call can be the right one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.reviewing.replay import Replay
from engine.types import Tool, Turn
from pages.review.parts.fix_calls import calls_text
from pages.review.parts.fix_form import fix_key
from storage.database import Database
from storage.reviewing.reviews import reviews_of
from storage.serving import requests
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported

Opener = Callable[..., AppTest]
CALLS = refund_trajectory(0).turns[2].tool_calls


@pytest.fixture
def form(database: Database, open_page: Opener) -> AppTest:
    """The review page of trajectory 1 with the form for its turn 2, which calls two tools."""
    insert_imported(database, "some", [refund_trajectory(0)])
    shown = open_page("trajectory", id="1")
    shown.session_state[fix_key(1)] = 2
    return shown.run()


def json_area(form: AppTest) -> Any:
    if not any((area.key or "").startswith("fix_calls_1_2") for area in form.text_area):
        form.button_group(key="fix_way_1_2").set_value("JSON").run()
    return next(area for area in form.text_area if (area.key or "").startswith("fix_calls_1_2"))


def use(form: AppTest) -> Any:
    return form.button(key="fix_1_2_use")


def named(form: AppTest, kind: str, part: str) -> Any:
    return next(one for one in form.get(kind) if part in (one.key or ""))


def test_changed_calls_wait_for_the_sandbox(form: AppTest) -> None:
    json_area(form).set_value(calls_text(CALLS).replace("25.5", "12.5")).run()
    assert use(form).disabled
    form.button(key="fix_1_2_replay").click().run()
    assert use(form).disabled
    assert any("Replaying in a sandbox" in text.value for text in form.caption)


def test_broken_json_names_its_place_and_cannot_be_used(form: AppTest) -> None:
    broken = calls_text(CALLS).replace('"amount": 25.5', '"amount": 25.5,')
    json_area(form).set_value(broken).run()
    assert "tool calls, line" in form.error[0].value
    assert any(">" in code.value and '"amount": 25.5,' in code.value for code in form.code)
    assert use(form).disabled
    assert any("What you wrote is kept." in text.value for text in form.caption)
    form.button_group(key="fix_way_1_2").set_value("Form").run()
    assert any("do not fit a form" in text.value for text in form.caption)
    assert json_area(form).value == broken
    json_area(form).set_value(broken.replace("25.5,", "24.5")).run()
    assert not form.error
    assert named(form, "number_input", "amount").value == 24.5, "what was mended is shown as the form that was wanted"


def test_the_form_gives_back_what_it_was_drawn_with(form: AppTest) -> None:
    assert [one.value for one in form.selectbox if "_tool" in (one.key or "")] == ["find_order", "refund_order"]
    use(form).click().run()
    assert any("It says what was recorded" in text.value for text in form.caption)
    assert json_area(form).value == calls_text(CALLS)


def test_the_form_changes_takes_away_and_adds_calls(form: AppTest) -> None:
    named(form, "number_input", "amount").set_value(12).run()
    assert use(form).disabled
    form.button(key="fix_add_1_2").click().run()
    named(form, "button", "_0_gone").click().run()
    assert len([one for one in form.selectbox if "_tool" in (one.key or "")]) == 3, "it asks first"
    named(form, "button", "_0_gone_yes").click().run()
    assert [one.value for one in form.selectbox if "_tool" in (one.key or "")] == ["refund_order", "find_order"]
    assert json_area(form).value == (
        calls_text(CALLS[1:]).replace("25.5", "12.0").removesuffix("]").rstrip()
        + ',\n  {\n    "name": "find_order",\n    "arguments": {\n      "order_id": ""\n    }\n  }\n]'
    )


def test_an_empty_field_is_named(form: AppTest) -> None:
    named(form, "number_input", "amount").set_value(None).run()
    assert "Call 2 (refund_order), amount: give a number." in form.error[0].value.replace("\\", "")
    assert use(form).disabled


def test_what_is_written_is_asked_for_before_it_is_dropped(form: AppTest) -> None:
    form.text_area(key="fix_text_1_2").set_value("Wait.").run()
    form.button(key="fix_1_2_close").click().run()
    assert any("Drop what you wrote?" in text.value for text in form.markdown)
    form.button(key="fix_1_2_close_no").click().run()
    assert form.text_area(key="fix_text_1_2").value == "Wait."
    named(form, "number_input", "amount").set_value(12).run()
    form.session_state[fix_key(1)] = 5
    form.run()
    form.session_state[fix_key(1)] = 2
    form.run()
    assert form.text_area(key="fix_text_1_2").value == "Wait.", "another turn was corrected in between"
    assert named(form, "number_input", "amount").value == 12
    form.button(key="fix_1_2_close").click().run()
    form.button(key="fix_1_2_close_yes").click().run()
    assert not form.get("text_area")[0].key.startswith("fix_")
    form.session_state[fix_key(1)] = 2
    form.run()
    assert form.text_area(key="fix_text_1_2").value == ""
    form.button(key="fix_1_2_close").click().run()
    assert fix_key(1) not in form.session_state, "nothing was written, so nothing is asked"


@pytest.mark.parametrize(("fault", "may"), [("tool_error", True), ("tool_crash", False)])
def test_a_refusal_may_be_right_and_a_crash_not(form: AppTest, database: Database, fault: str, may: bool) -> None:
    json_area(form).set_value(calls_text(CALLS[1:]).replace("25.5", "99.5")).run()
    form.button(key="fix_1_2_replay").click().run()
    asked = requests.claim_request(database, "test", 0.0)
    assert asked
    answer = Turn(
        role="tool", content="99.5 is more than was paid.", tool_call_id="a0", name="refund_order", fault=fault
    )
    found = Replay(
        turns=(answer,), ok=False, detail=answer.content, other_results=False, state=(), behind=5, breaks=None,
        diverges=False, unsteady=None, follows=(),
    )  # fmt: skip
    requests.finish_request(database, asked.id, found.model_dump(mode="json"))
    form.run()
    assert use(form).disabled
    assert bool(form.checkbox) is may
    if not may:
        assert "The replay failed" in form.error[0].value
        return
    assert "The tool refuses" in form.warning[0].value
    form.checkbox[0].check().run()
    use(form).click().run()
    (review,) = reviews_of(database, 1)
    assert review.fix
    assert (review.verdict, review.replayed, review.fix.tool_calls[0].arguments["amount"]) == ("fix", (answer,), 99.5)


ODD = Tool(
    name="odd",
    effect="read",
    description="Takes everything.",
    parameters={
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["a", "b"]},
            "sure": {"type": "boolean"},
            "count": {"type": "integer"},
            "share": {"type": "number"},
            "names": {"type": "array", "items": {"type": "string"}},
            "more": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "note": {"type": "string"},
        },
        "required": ["kind", "count"],
    },
)


@pytest.mark.parametrize(
    "start",
    [
        {"kind": "b", "sure": False, "count": 0, "share": 3, "names": ["x", "ü"], "more": None, "note": ""},
        {"kind": "a", "count": -2, "share": 1e300},
    ],
)
def test_every_kind_of_argument_comes_back_as_it_was(start: dict[str, Any]) -> None:
    def draw(tool: object, start: object) -> None:
        import json

        import streamlit as st

        from pages._ui.schema_form import schema_form

        st.text(json.dumps(schema_form(tool, key="f", start=start)))

    shown = AppTest.from_function(draw, kwargs={"tool": ODD, "start": start}).run()
    assert not shown.exception
    assert json.loads(shown.text[0].value) == [start, []]
    assert json.dumps(json.loads(shown.text[0].value)[0]) == json.dumps(start), "3 is not written as 3.0"


def test_a_value_outside_a_choice_is_told_and_not_replaced() -> None:
    def draw(tool: object) -> None:
        import streamlit as st

        from pages._ui.schema_form import schema_form

        st.text(str(schema_form(tool, key="f", start={"kind": "z", "count": 1})))

    shown = AppTest.from_function(draw, kwargs={"tool": ODD}).run()
    assert shown.text[0].value == "({'count': 1}, ['kind: choose one.'])"
