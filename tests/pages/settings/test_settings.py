"""Models, engine, sandbox and storage, without a browser and without an engine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from streamlit.testing.v1 import AppTest

from engine.types import Endpoint, Options, Profile, Pulse, endpoint_key
from storage import preferences
from storage.database import Database
from storage.generating import endpoints
from storage.serving import engines, requests
from storage.serving.library import SqlLibrary

Open = Callable[..., AppTest]
KEY = "sk-abcdefghijklmnopqrstuvwxyz0123"


def fill(page: AppTest, key: str, **texts: str) -> AppTest:
    for name, text in texts.items():
        page.text_input(key=f"{key}_{name}").set_value(text)
    return page.run()


def opened(page: AppTest, name: str) -> AppTest:
    """Open the part of the page that holds one saved model."""
    page.session_state[f"model_{name}"] = True
    return page.run()


def test_a_model_is_added_and_the_form_is_empty_again(open_page: Open, database: Database) -> None:
    page = open_page("settings")
    assert page.button(key="add_model_0_save").disabled
    page.number_input(key="add_model_0_heat").set_value(0.2)
    fill(page, "add_model_0", name="mine", model="openai/gpt-4.1", variable="MY_KEY_VARIABLE")
    assert any("MY\\_KEY\\_VARIABLE is not set" in caption.value for caption in page.caption)
    page.button(key="add_model_0_save").click().run()
    row = endpoints.get_endpoint(database, "mine")
    assert (row.endpoint.model, row.endpoint.key_variable, row.endpoint.llm) == (
        "openai/gpt-4.1", "MY_KEY_VARIABLE", "litellm"
    )  # fmt: skip
    assert row.endpoint.sampling.temperature == 0.2
    assert page.text_input(key="add_model_1_name").value == ""


def test_what_is_typed_last_is_saved_with_a_click_at_once(open_page: Open, database: Database) -> None:
    page = fill(open_page("settings"), "add_model_0", name="mine", model="m")
    page.text_input(key="add_model_0_base").set_value("http://127.0.0.1:9/v1")
    page.button(key="add_model_0_save").click().run()
    assert endpoints.get_endpoint(database, "mine").endpoint.api_base == "http://127.0.0.1:9/v1"
    opened(page, "mine")
    page.text_input(key="model_mine_1_model").set_value("other")
    page.button(key="model_mine_1_save").click().run()
    assert endpoints.get_endpoint(database, "mine").endpoint.model == "other"


def test_a_pasted_key_is_refused_and_stored_nowhere(open_page: Open, database: Database, tmp_path: Path) -> None:
    page = fill(open_page("settings"), "add_model_0", name="mine", model="m", variable=KEY)
    assert "not the name of an environment variable" in page.error[0].value
    assert page.button(key="add_model_0_save").disabled
    assert not [button for button in page.button if button.key == "add_model_0_test"]
    assert not any(KEY[:12] in element.value for element in (*page.error, *page.caption, *page.warning))
    assert KEY.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("*") if path.is_file())


def test_what_an_endpoint_lacks_is_said_before_it_is_saved(open_page: Open, database: Database) -> None:
    page = fill(open_page("settings"), "add_model_0", name="mine", model="m")
    page.selectbox(key="add_model_0_llm").set_value("openai_compatible").run()
    assert "api" in page.error[0].value
    fill(page, "add_model_0", base="http://127.0.0.1:9/v1")
    assert not page.error
    page.text_area(key="add_model_0_openai_compatible_headers").set_value("{").run()
    assert "Headers: is no JSON" in page.error[0].value.replace("\\", "")
    assert page.button(key="add_model_0_save").disabled
    page.text_area(key="add_model_0_openai_compatible_headers").set_value('{"x-team": "a"}').run()
    page.button(key="add_model_0_save").click().run()
    assert endpoints.get_endpoint(database, "mine").endpoint.options == {"headers": {"x-team": "a"}}


def test_the_later_of_two_saves_is_told_and_can_load_the_other(open_page: Open, database: Database) -> None:
    endpoints.save_endpoint(database, "new", Endpoint(model="a"), None)
    page = opened(open_page("settings"), "new")
    endpoints.save_endpoint(database, "new", Endpoint(model="theirs"), 1)
    fill(page, "model_new_1", model="ours")
    assert "Somebody else saved this model" in page.warning[0].value
    page.button(key="model_new_1_save").click().run()
    assert any("Somebody else saved this" in error.value for error in page.error)
    assert endpoints.get_endpoint(database, "new").endpoint.model == "theirs"
    page.button(key="model_new_1_load").click().run()
    assert page.text_input(key="model_new_2_model").value == "theirs"
    fill(page, "model_new_2", model="ours")
    page.button(key="model_new_2_save").click().run()
    assert endpoints.get_endpoint(database, "new").endpoint.model == "ours"
    page.button(key="model_new_3_delete").click().run()
    assert endpoints.list_endpoints(database), "it asks first"
    page.button(key="model_new_3_delete_yes").click().run()
    assert endpoints.list_endpoints(database) == []


def test_a_test_call_goes_to_the_engine_and_its_answer_is_drawn(open_page: Open, database: Database) -> None:
    made = Endpoint(model="m", llm="scripted", options={"follow": "tools"})
    endpoints.save_endpoint(database, "double", made, None)
    page = opened(open_page("settings"), "double")
    page.button(key="model_double_1_test").click().run()
    asked = requests.get_request(database, 1)
    assert asked is not None
    assert asked.kind == "test_model"
    assert Endpoint.model_validate(asked.payload["endpoint"]) == made
    call = {
        "role": "teacher",
        "model": "m",
        "prompt_tokens": None,
        "completion_tokens": 5,
        "cost_usd": None,
        "seconds": 0.5,
    }
    requests.finish_request(database, 1, {"reply": "![x](http://203.0.113.9)", "called_tool": False, "call": call})
    page.run()
    assert "500 ms" in page.success[0].value
    assert "did not call the tool" in page.warning[0].value
    assert page.text[0].value == "![x](http://203.0.113.9)"
    page.button(key="model_double_1_test").click().run()
    requests.finish_request(database, 2, error="Nothing listens there. Start the server.")
    assert "Nothing listens there" in page.run().error[0].value


CALL = {"role": "teacher", "model": "m", "prompt_tokens": 9, "completion_tokens": 5, "cost_usd": None, "seconds": 0.5}


def finish(database: Database, number: int, profile: Profile) -> None:
    """Answer a test call as the engine does."""
    SqlLibrary(database).save_profile(profile)
    result = {"reply": "17:42", "called_tool": True, "call": CALL, "profile": profile.model_dump(mode="json")}
    requests.finish_request(database, number, result)


def badges(page: AppTest) -> dict[str, str]:
    """Return the meaning of each badge of a profile by its words, as they are drawn."""
    found = [mark for mark in page.markdown if "-badge[" in mark.value and mark.help and "power_off" not in mark.value]
    return {re.sub(r":[a-z_]+-badge\[:material/\w+:\s*(.*)\]", r"\1", mark.value): mark.help for mark in found}


def test_what_a_test_call_found_out_is_shown_and_forgotten_with_an_edit(open_page: Open, database: Database) -> None:
    made = Endpoint(model="m", llm="openai_compatible", api_base="http://127.0.0.1:9/v1")
    endpoints.save_endpoint(database, "mine", made, None)
    page = opened(open_page("settings"), "mine")
    assert any("Not tried yet" in caption.value for caption in page.caption)
    page.button(key="model_mine_1_test").click().run()
    faults = {"tools": "It called the tool, but its answer does not use the result: Hm.", "parallel": "Only *one*."}
    found = {"tools": False, "parallel": "broken", "json_schema": None, "thinking": "field", "context_length": 8192}
    profile = Profile.model_validate(
        {**found, "refused": ("top_p",), "faults": faults, "made_at": time.time(), "made_for": endpoint_key(made)}
    )
    finish(database, 1, profile)
    page.run()
    assert not page.exception
    shown = badges(page)
    assert list(shown) == [
        "no tools", "breaks on several calls", "JSON schema not known", "thinks", "context 8,192", "without top\\_p"
    ]  # fmt: skip
    assert "Only \\*one\\*\\." in shown["breaks on several calls"]
    assert any("does not use the result" in warning.value for warning in page.warning)
    page = opened(open_page("settings"), "mine")
    assert list(badges(page)) == list(shown), "it is stored"
    fill(page, "model_mine_1", model="other")
    page.button(key="model_mine_1_save").click().run()
    assert not badges(page)
    assert endpoints.get_endpoint(database, "mine").profile is None


def test_the_test_of_a_form_is_stored_once_the_model_is_saved(open_page: Open, database: Database) -> None:
    page = open_page("settings")
    page.selectbox(key="add_model_0_llm").set_value("openai_compatible").run()
    fill(page, "add_model_0", name="mine", model="m", base="http://127.0.0.1:9/v1")
    page.selectbox(key="add_model_0_parallel_calls").set_value("forbid").run()
    page.button(key="add_model_0_test").click().run()
    asked = requests.get_request(database, 1)
    assert asked is not None
    tested = Endpoint.model_validate(asked.payload["endpoint"])
    profile = Profile(tools=True, made_at=time.time(), made_for=endpoint_key(tested))
    finish(database, 1, profile)
    assert "tools" in badges(page.run())
    assert endpoints.list_endpoints(database) == []
    page.button(key="add_model_0_save").click().run()
    row = endpoints.get_endpoint(database, "mine")
    assert (row.profile, row.endpoint.parallel_calls) == (profile, "forbid")


def test_engine_sandbox_and_storage(open_page: Open, database: Database, tmp_path: Path) -> None:
    engines.beat(database, Pulse("host:7", 7, time.time(), "local", False, "no container engine"))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "engine.log").write_text("first\nlast line")
    page = open_page("settings")
    page.session_state["settings_tab"] = "Engine"
    page.session_state["log"] = True
    page.run()
    assert any("Answering" in text.value and "process 7" in text.value for text in page.markdown)
    assert any("does not isolate" in caption.value for caption in page.caption)
    assert any("last line" in code.value for code in page.code)
    page.session_state["settings_tab"] = "Sandbox"
    page.run()
    page.selectbox(key="sandbox_choice").set_value("local").run()
    assert preferences.get(database, "sandbox") == "local"
    assert not [one for one in page.toggle if "allow_commands" in str(one.key)], "each batch says it for itself"
    assert page.button(key="sandbox_docker_save").disabled
    page.text_input(key="sandbox_docker_runtime").set_value("runsc")
    page.number_input(key="sandbox_docker_most").set_value(16).run()
    page.button(key="sandbox_docker_save").click().run()
    assert preferences.get(database, "sandbox_options") == {"docker": {"runtime": "runsc", "most": 16}}
    assert SqlLibrary(database).sandbox_options() == {"docker": {"runtime": "runsc", "most": 16}}
    page.number_input(key="sandbox_local_warm").set_value(2).run()
    page.button(key="sandbox_local_save").click().run()
    assert preferences.get(database, "sandbox_options")["local"] == {"warm": 2}
    assert preferences.get(database, "sandbox_options")["docker"]["most"] == 16
    page.session_state["settings_tab"] = "Storage"
    page.run()
    shown = {metric.label: metric.value for metric in page.metric}
    assert shown["Trajectories"] == "0"
    assert shown["Logs"] == "15 bytes"
    assert shown["Database"].endswith("KB")


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Sample(Options):
    """What it plays."""

    mode: Literal["a", "b"] = "a"
    """One of `two`."""
    mute: bool = False
    words: tuple[str, ...] = ("one",)
    sides: tuple[Literal["left", "right"], ...] = ()
    colour: Colour = Colour.RED
    weights: tuple[float, ...] = ()


def test_lists_and_enums_are_drawn_and_given_back() -> None:
    def page() -> None:
        import streamlit as st

        from pages._ui.config_form import config_form
        from tests.pages.settings.test_settings import Sample

        st.session_state["found"] = config_form(Sample, key="sample")

    shown = AppTest.from_function(page).run()
    assert not shown.exception
    assert shown.session_state["found"] == {}
    assert shown.multiselect(key="sample_sides").options == ["left", "right"]
    assert shown.selectbox(key="sample_colour").options == ["Red", "Green"]
    shown.multiselect(key="sample_sides").set_value(["right"])
    shown.selectbox(key="sample_colour").set_value("green").run()
    shown.multiselect(key="sample_words").set_value([]).run()
    found = shown.session_state["found"]
    assert found == {"words": [], "sides": ["right"], "colour": "green"}
    assert Sample.model_validate(found) == Sample(words=(), sides=("right",), colour=Colour.GREEN)


def test_the_help_of_an_option_is_the_docstring_under_it() -> None:
    def page() -> None:
        from pages._ui.config_form import config_form
        from tests.pages.settings.test_settings import Sample

        config_form(Sample, key="sample")

    shown = AppTest.from_function(page).run()
    assert not shown.exception
    assert shown.selectbox(key="sample_mode").help == "One of \\`two\\`\\."
    assert not shown.toggle(key="sample_mute").help


@pytest.mark.parametrize("name", ["add_model_0_heat", "add_model_0_tokens", "add_model_0_timeout"])
def test_bounds_of_numbers_are_drawn(open_page: Open, name: str) -> None:
    field = open_page("settings").number_input(key=name)
    assert field.min is not None
    assert field.max is not None
