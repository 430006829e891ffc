"""Launching and watching batches, without a browser and without an engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from engine.errors import InputErrors
from engine.planning.batch_file import batch_of, parse_batch
from engine.types import Batch, Choice, Domain, DomainShare, Endpoint, Persona, Profile, Rubric, endpoint_key
from storage.database import Database
from storage.generating import batches, endpoints
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.samples.trajectories import refund_trajectory
from tests.storage.stored_samples import insert_imported, queue_batch

Open = Callable[..., AppTest]
SCRIPTED = Endpoint(model="played", llm="scripted", options={"follow": "tools"})


def create(db: Database, **changes: Any) -> int:
    return queue_batch(db, **{"name": "made"} | changes)


def launch(page: AppTest, button: str = "launch") -> AppTest:
    assert not page.exception
    page.button(key=button).click().run()
    assert not page.exception
    return page


def test_a_newcomer_launches_with_what_the_form_offers(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    assert page.text_input(key="batch_name").value == "batch 1"
    assert page.number_input(key="batch_trajectories").value == 20
    assert not page.error
    launch(page)
    row = batches.get_batch(ready, 1)
    assert row.status == "queued"
    assert (
        row.batch
        == Batch(
            name="batch 1", domains=(DomainShare(id="ledger", digest=row.batch.domains[0].digest),), trajectories=20
        ).pinned()
    )
    assert page.title[0].value == "batch 1"


@pytest.mark.parametrize(("button", "expected"), [("launch", ("typed", 7)), ("try_first", ("typed (first 3)", 3))])
def test_what_is_typed_last_is_launched_with_a_click_at_once(
    open_page: Open, ready: Database, button: str, expected: tuple[str, int]
) -> None:
    page = open_page("new-batch")
    page.text_input(key="batch_name").set_value("typed")
    page.number_input(key="batch_trajectories").set_value(7)
    launch(page, button)
    launched = batches.get_batch(ready, 1).batch
    assert (launched.name, launched.trajectories) == expected


def test_a_changed_rubric_is_the_next_version(open_page: Open, ready: Database) -> None:
    endpoints.save_endpoint(ready, "played", SCRIPTED, based_on=None)
    page = open_page("new-batch")
    assert not [field for field in page.text_input if str(field.key).startswith("batch_rubric")]
    page.session_state["batch_judges"] = ["state", "rubric"]
    page.run()
    page.text_input(key="batch_rubric_question_clear").set_value("Is the answer short?")
    page.number_input(key="batch_rubric_weight_recovered").set_value(0.0)
    page.text_input(key="batch_rubric_question_own_1").set_value("Was the person greeted by name?")
    launch(page.run())
    rubric = batches.get_batch(ready, 1).batch.rubric
    assert rubric is not None
    assert (rubric.id, rubric.version) == ("own", 2)
    assert {criterion.id: criterion.question for criterion in rubric.criteria}["clear"] == "Is the answer short?"
    assert [criterion.id for criterion in rubric.criteria][-1] == "own_1"
    assert "recovered" not in {criterion.id for criterion in rubric.criteria}


def test_an_untouched_rubric_stays_the_default(open_page: Open, ready: Database) -> None:
    endpoints.save_endpoint(ready, "played", SCRIPTED, based_on=None)
    page = open_page("new-batch")
    page.session_state["batch_judges"] = ["state", "rubric"]
    launch(page.run())
    assert batches.get_batch(ready, 1).batch.rubric is None


def test_three_first_keeps_the_form_for_the_whole(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    page.text_input(key="batch_name").set_value("whole")
    page.number_input(key="batch_attempts").set_value(4).run()
    page.number_input(key="batch_mode_parallel").set_value(0).run()
    launch(page, "try_first")
    few = batches.get_batch(ready, 1).batch
    assert (few.name, few.trajectories, few.attempts) == ("whole (first 3)", 3, 1)
    assert few.modes["parallel"] == 0
    page.switch_page("generate/new_batch.py").run()
    assert page.text_input(key="batch_name").value == "whole"
    launch(page)
    assert (batches.get_batch(ready, 2).batch.attempts, batches.get_batch(ready, 2).batch.trajectories) == (4, 20)
    page.switch_page("generate/new_batch.py").run()
    assert page.text_input(key="batch_name").value == "batch 3"
    assert page.number_input(key="batch_attempts").value == 1


def test_what_is_typed_survives_another_page_and_start_over_empties_it(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    page.number_input(key="batch_trajectories").set_value(77).run()
    page.number_input(key="batch_cost").set_value(2.5).run()
    page.switch_page("generate/batches.py").run()
    page.switch_page("generate/new_batch.py").run()
    assert page.number_input(key="batch_trajectories").value == 77
    assert page.number_input(key="batch_cost").value == 2.5
    page.button(key="start_over").click().run()
    assert page.number_input(key="batch_trajectories").value == 77, "it asks first"
    page.button(key="start_over_yes").click().run()
    assert page.number_input(key="batch_trajectories").value == 20
    assert page.number_input(key="batch_cost").value is None


def test_an_earlier_batch_fills_every_field(open_page: Open, ready: Database, ledger: Domain, persona: Persona) -> None:
    first = create(
        ready,
        domains=(DomainShare(id="ledger", weight=2.5, templates=(ledger.templates[0].id,)),),
        trajectories=9, attempts=3, seed=5, modes={"single": 2.0, "tool_error": 0.5}, turns={2: 1.0, 4: 2.0},
        personas=(persona.id,), teacher="llm", user="llm", models={"teacher": SCRIPTED, "user": SCRIPTED},
        judges=("state", {"rubric": {"chars": 9000}}), rubric=Rubric(), keep_failures=True, min_reward=0.25,
        sandbox="local", allow_unisolated_commands=True, concurrency=2, limits={"rounds": 3, "seconds": 30.0},
        language="de", panel=[SCRIPTED.model_copy(update={"model": "third"})],
        budget={
            "tokens": 1000, "cost_usd": 1.5, "seconds": 60.0, "input_cost_per_million": 0.5,
            "output_cost_per_million": 2.0,
        },
    )  # fmt: skip
    endpoints.save_endpoint(ready, "judge", SCRIPTED.model_copy(update={"model": "other"}), None)
    page = open_page("new-batch", like=str(first))
    page.selectbox(key="batch_model_judge").set_value("judge").run()
    launch(page)
    before, again = (batches.get_batch(ready, n).batch for n in (first, 2))
    judge = again.models["judge"]
    assert judge.model == "other"
    assert again.modes == {mode: before.modes.get(mode, 0.0) for mode in again.modes}
    same = {"modes": before.modes, "models": before.models, "judges": before.judges}
    assert again.model_copy(update=same) == before
    assert {judge.name: judge.options for judge in again.judges} == {"state": {}, "rubric": {"chars": 9000}}
    assert {role: e for role, e in again.models.items() if role != "judge"} == dict(before.models)


def test_options_of_judges_are_set_kept_and_stored(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    assert page.number_input(key="batch_judges_rules_same_call_limit").value == 3
    page.number_input(key="batch_judges_rules_same_call_limit").set_value(2).run()
    page.switch_page("generate/batches.py").run()
    page.switch_page("generate/new_batch.py").run()
    assert page.number_input(key="batch_judges_rules_same_call_limit").value == 2
    launch(page)
    stored = batches.get_batch(ready, 1).batch
    assert {judge.name: judge.options for judge in stored.judges} == {
        "rules": {"same_call_limit": 2},
        "state": {},
        "facts": {},
    }


def test_a_panel_is_chosen_under_the_options_of_the_judge(open_page: Open, ready: Database) -> None:
    further = [SCRIPTED.model_copy(update={"model": name}) for name in ("second", "third")]
    for endpoint in (SCRIPTED.model_copy(update={"model": "first"}), *further):
        endpoints.save_endpoint(ready, endpoint.model, endpoint, None)
    page = open_page("new-batch")
    assert "batch_panel" not in [one.key for one in page.multiselect], "no judge asks a model"
    page.session_state["batch_judges"] = ["state", "rubric"]
    page.run()
    (fold,) = [one for one in page.expander if one.label == "Options of players and judges"]
    (field,) = [one for one in fold.multiselect if one.key == "batch_panel"]
    assert any("the answer of most counts" in one.value for one in fold.caption)
    field.set_value(["second", "third"]).run()
    page.selectbox(key="batch_model_judge").set_value("first").run()
    launch(page)
    stored = batches.get_batch(ready, 1).batch
    assert [one.model for one in (stored.models["judge"], *stored.panel)] == ["first", "second", "third"]
    again = open_page("new-batch", like="1")
    assert again.multiselect(key="batch_panel").value == ["second", "third"]
    again.session_state["batch_judges"] = ["state"]
    again.run()
    launch(again)
    assert batches.get_batch(ready, 2).batch.panel == ()


def test_what_cannot_start_is_said_at_once(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch")
    page.multiselect(key="batch_domains").set_value([]).run()
    assert page.button(key="launch").disabled
    assert any("domains" in error.value for error in page.error)
    page.multiselect(key="batch_domains").set_value(["ledger"])
    page.selectbox(key="batch_teachers").set_value("llm").run()
    assert page.button(key="launch").disabled
    assert any("Choose a model for the teacher" in error.value for error in page.error)
    endpoints.save_endpoint(ready, "m", SCRIPTED.model_copy(update={"key_variable": "NOT_SET_ANYWHERE"}), None)
    page.run()
    assert not page.button(key="launch").disabled
    assert any("not set, so the batch would fail" in caption.value for caption in page.caption)


def test_a_model_that_does_not_fit_its_role_is_warned_of(open_page: Open, ready: Database) -> None:
    endpoints.save_endpoint(ready, "played", SCRIPTED, None)
    page = open_page("new-batch")
    assert not any("not tried yet" in caption.value for caption in page.caption), "nobody plays by a model"
    page.selectbox(key="batch_teachers").set_value("llm").run()
    assert not page.exception
    (untried,) = [caption.value for caption in page.caption if "not tried yet" in caption.value]
    assert "The model of the teacher" in untried
    assert "settings" in {link.proto.page for link in page.get("page_link") if "test call" in link.proto.label}
    key = endpoint_key(SCRIPTED)
    found = {"tools": False, "parallel": "broken", "thinking": "text", "faults": {"tools": "It said <no>."}}
    SqlLibrary(ready).save_profile(Profile.model_validate({**found, "made_at": 1.0, "made_for": key}))
    page.run()
    assert not any("not tried yet" in caption.value for caption in page.caption)
    (warning,) = [warning.value for warning in page.warning if "did not use a tool" in warning.value]
    assert "<no>" not in warning.replace("\\<", "")
    assert any("one at a time" in caption.value for caption in page.caption)
    assert not page.button(key="launch").disabled
    launch(page)
    assert batches.get_batch(ready, 1).batch.models["teacher"].parallel_calls == "forbid"


def test_the_options_of_the_simulated_user_are_explained_and_stored(open_page: Open, ready: Database) -> None:
    endpoints.save_endpoint(ready, "played", SCRIPTED, None)
    page = open_page("new-batch")
    page.selectbox(key="batch_users").set_value("llm").run()
    cut = page.toggle(key="batch_users_llm_cut_unresolved")
    assert not cut.value
    assert "Cut the last request" in cut.help
    assert page.number_input(key="batch_users_llm_clarifications").value == 2
    cut.set_value(True).run()
    assert not page.exception
    launch(page)
    assert batches.get_batch(ready, 1).batch.user == Choice(name="llm", options={"cut_unresolved": True})


def test_an_unknown_batch_to_start_from_is_told(open_page: Open, ready: Database) -> None:
    page = open_page("new-batch", like="99")
    assert "there is no batch 99" in page.warning[0].value
    assert not page.button(key="launch").disabled


def test_a_batch_file_names_the_wrong_field() -> None:
    with pytest.raises(InputErrors) as caught:
        parse_batch(b"domains: [a]\ntrajectories: many\nfoo: 1\n", "x.yaml")
    assert [error.where for error in caught.value.errors] == ["x.yaml line 2: trajectories", "x.yaml line 3: foo"]
    with pytest.raises(InputErrors, match=r"^form: modes: give at least one mode a weight above 0\.$"):
        batch_of({"name": "n", "domains": [{"id": "a"}], "modes": {"single": 0}}, "form")


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        ("queued", {"pause_1", "cancel_1", "budget_save_1"}),
        ("paused", {"resume_1", "cancel_1", "budget_save_1", "budget_resume_1"}),
        ("done", {"delete_1"}),
        ("cancelled", {"delete_1"}),
    ],
)
def test_a_batch_offers_what_its_status_allows(
    open_page: Open, ready: Database, status: str, buttons: set[str]
) -> None:
    create(ready)
    _set_status(ready, status)
    page = open_page("batch", id="1")
    assert not page.exception
    assert {button.key for button in page.button} == buttons


def _set_status(db: Database, status: str) -> None:
    if status == "queued":
        return
    if status == "cancelled":
        batches.command(db, 1, "cancel")
        return
    store = SqlStore(db)
    assert store.claim("me", time.time(), 60)
    store.release(1, "me", status, "Stopped for the test.")  # type: ignore[arg-type]


def test_commands_are_written_for_the_engine(open_page: Open, ready: Database) -> None:
    create(ready)
    assert SqlStore(ready).claim("me", time.time(), 60)
    page = open_page("batch", id="1")
    page.button(key="pause_1").click().run()
    assert batches.get_batch(ready, 1).command == "pause"
    assert any("Pause was asked for" in info.value for info in page.info)


def test_a_silent_engine_is_told_and_a_reason_shown(open_page: Open, ready: Database) -> None:
    create(ready)
    page = open_page("batch", id="1")
    assert any("No engine is answering" in warning.value for warning in page.warning)
    store = SqlStore(ready)
    assert store.claim("me", time.time() - 40, 60)
    assert any("No heartbeat since 4" in w.value for w in open_page("batch", id="1").warning)
    store.release(1, "me", "failed", "KEY_OF_MINE is not set.")
    page = open_page("batch", id="1")
    assert any("KEY\\_OF\\_MINE is not set" in error.value for error in page.error)


def test_progress_and_losses_add_up(open_page: Open, ready: Database) -> None:
    lost = {"status": "rejected", "stage": "judged", "reason": "facts"}
    number = insert_imported(
        ready, "in", [refund_trajectory(0), refund_trajectory(1), *(refund_trajectory(n, **lost) for n in (2, 3))]
    )
    page = open_page("batch", id=str(number))
    shown = {metric.label: metric.value for metric in page.metric}
    assert (shown["Kept"], shown["Rejected"], shown["Failed"], shown["Waiting"]) == ("2", "2", "0", "0")
    links = [link.proto for link in page.get("page_link")]
    reason = next(link for link in links if link.label.startswith("Facts"))
    assert reason.label == "Facts: 2 (50%)"
    assert "facts" in reason.query_string
    assert len(page.dataframe[0].value) == 4


def test_the_list_is_filtered_by_status(open_page: Open, ready: Database) -> None:
    create(ready)
    create(ready, name="second")
    batches.command(ready, 1, "cancel")
    page = open_page("batches")
    assert list(page.dataframe[0].value["name"]) == ["second", "made"]
    page.pills(key="status").set_value(["cancelled"]).run()
    assert list(page.dataframe[0].value["name"]) == ["made"]
    page.pills(key="status").set_value(["failed"]).run()
    assert not page.dataframe
