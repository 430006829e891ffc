"""Models, engine, sandbox and storage."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import ValidationError

from engine import plugins, settings
from engine.errors import InputError
from engine.running.models import open_llm
from engine.times import NO_ANSWER
from engine.types import Endpoint, Profile, longest_wait
from pages._ui.badges import words
from pages._ui.buttons import button
from pages._ui.config_form import config_form
from pages._ui.confirm_buttons import delete_button
from pages._ui.database import db, saving
from pages._ui.engine_requests import ask, poll
from pages._ui.format import ago, bytes_size, count, money, seconds
from pages._ui.layout import empty_state, header
from pages._ui.messages import keep_message
from pages._ui.text import literal, plain
from pages.settings.parts.profile_view import profile_badges, profile_in, tested_profile
from storage import preferences
from storage.analysing import analytics
from storage.database import size
from storage.generating import endpoints
from storage.generating.endpoints import EndpointRow
from storage.serving import engines

PARALLEL_CALLS = {"auto": "As the test call found", "allow": "Allowed", "forbid": "Forbidden"}
LOG_LINES = 30
LOG_READ = 20_000
"""Bytes of the engine's log that are read from its end."""


def endpoint_form(row: EndpointRow | None, key: str) -> tuple[str, Endpoint] | None:
    """Draw the fields of one endpoint; return (name, endpoint), or None with the reason drawn."""
    start = row.endpoint if row else Endpoint(model="")
    name, values = first_fields(row, start, key)
    try:
        values |= more_fields(start, values["llm"], key)
        made = endpoints.checked(Endpoint.model_validate(values))
        if made.model:
            open_llm(made, "teacher")
    except ValidationError as error:
        st.error(literal(error.errors()[0]["msg"]), icon=":material/error:")
        return None
    except InputError as error:
        st.error(literal(str(error).removeprefix("endpoint.")), icon=":material/error:")
        return None
    if made.key_variable and settings.key(made.key_variable) is None:
        unset = f"{literal(made.key_variable)} is not set for this studio. Set it and start again."
        st.caption(f":material/warning: {unset}")
    return (name, made) if name and made.model else None


def first_fields(row: EndpointRow | None, start: Endpoint, key: str) -> tuple[str, dict[str, Any]]:
    """Draw name, model, plug-in, address and variable; return (name, the other values)."""
    left, middle, right = st.columns(3)
    name = left.text_input(
        "Name",
        row.name if row else "",
        key=f"{key}_name",
        disabled=row is not None,
        max_chars=80,
        live=True,
        placeholder="What it is called here",
    )
    model = middle.text_input(
        "Model",
        start.model,
        key=f"{key}_model",
        placeholder="openai/gpt-4.1",
        max_chars=200,
        live=True,
        help="For litellm any name that it knows, provider first; for a server of yours the name it serves.",
    )
    kinds = sorted(plugins.names("llms"), key=lambda n: n != Endpoint(model="").llm)
    kind = right.selectbox(
        "Reached through",
        kinds,
        kinds.index(start.llm) if start.llm in kinds else 0,
        key=f"{key}_llm",
        format_func=lambda n: plugins.label("llms", n),
    )
    base, variable = address_fields(start, key)
    return name.strip(), {"model": model.strip(), "llm": kind, "api_base": base, "key_variable": variable}


def address_fields(start: Endpoint, key: str) -> tuple[str | None, str | None]:
    """Draw where the server is and what variable holds its key; None for what is left empty."""
    left, right = st.columns([2, 1])
    base = left.text_input(
        "API base", start.api_base or "", key=f"{key}_base", live=True, placeholder="http://127.0.0.1:8000/v1"
    )
    variable = right.text_input(
        "Variable that holds the key",
        start.key_variable or "",
        key=f"{key}_variable",
        placeholder="OPENAI_API_KEY",
        help="The name of an environment variable of the engine. The key itself is never stored.",
    )
    return base.strip() or None, variable.strip() or None


def more_fields(start: Endpoint, kind: str, key: str) -> dict[str, Any]:
    """Draw sampling, timeout, attempts and the options of the plug-in; return them. Raises InputError."""
    with st.expander("Sampling, timeout, retries and options", icon=":material/tune:"):
        with st.grid(3, min_column_width=120):
            heat = st.number_input("Temperature", 0.0, 2.0, start.sampling.temperature, 0.1, key=f"{key}_heat")
            top = st.number_input("Top p", 0.01, 1.0, start.sampling.top_p, 0.05, key=f"{key}_top")
            most = st.number_input("Most tokens", 1, 1_000_000, start.sampling.max_tokens, key=f"{key}_tokens")
            wait = st.number_input("Timeout, seconds", 1.0, 3600.0, start.timeout, 10.0, key=f"{key}_timeout")
            tries = st.number_input("Attempts", 1, 10, start.attempts, key=f"{key}_attempts")
            patience = st.number_input(
                "Longest wait, seconds",
                0.0,
                86_400.0,
                start.patience,
                30.0,
                key=f"{key}_patience",
                placeholder=f"{longest_wait(start):g}",
                help="A server that is busy (429) may ask to wait. That takes none of the attempts; a call whose waits "
                "would sum up to more ends.",
            )
        calls = parallel_calls(start, key)
        kept = start.options if kind == start.llm else {}
        options = config_form(plugins.load("llms", kind).config, key=f"{key}_{kind}", values=kept)
    plugins.configure("llms", kind, options)
    changes = {"temperature": heat, "top_p": top, "max_tokens": int(most)}
    sampling = start.sampling.model_copy(update=changes)
    limits = {"timeout": wait, "attempts": int(tries), "patience": patience}
    return {**limits, "parallel_calls": calls, "sampling": sampling, "options": options}


def parallel_calls(start: Endpoint, key: str) -> str:
    """Draw whether one message of the model may hold several calls; return the choice."""
    names = list(PARALLEL_CALLS)
    return str(
        st.selectbox(
            "Several calls in one message",
            names,
            names.index(start.parallel_calls),
            key=f"{key}_parallel_calls",
            format_func=lambda name: PARALLEL_CALLS[name],
            help="Sent as parallel_tool_calls. As the test call found: nothing is sent, unless the server broke on "
            "several calls. Forbidden: where a message holds several all the same, only the first is kept.",
            width=360,
        )
    )


def save(name: str, endpoint: Endpoint, based_on: int | None, turn: str, profile: Profile | None) -> None:
    """Store an endpoint, with its profile if that was made for it, and base the form on it. Shows the conflict when
    somebody else saved it since."""
    with saving():
        version = endpoints.save_endpoint(db(), name, endpoint, based_on, profile)
        if based_on is None:
            st.session_state[turn] = st.session_state.get(turn, 0) + 1
        else:
            st.session_state[turn] = version
        keep_message(f"Model {literal(name)} saved")
        st.rerun()


def remove(name: str, began: int) -> None:
    """Delete an endpoint, unless it was changed since it was seen; batches keep their copy."""
    with saving():
        endpoints.delete_endpoint(db(), name, based_on=began)
        st.session_state.pop(f"model_version_{name}", None)
        keep_message(f"Model {literal(name)} deleted")
        st.rerun()


def test_button(endpoint: Endpoint, key: str) -> None:
    """Draw the button of the test call: a few real calls, through the engine."""
    payload: dict[str, Any] = {"endpoint": endpoint.model_dump(mode="json")}
    if button(
        "Test call",
        key=f"{key}_test",
        icon=":material/network_check:",
        help="A short dialogue with a tool, then what else its server can do: about five calls. The engine makes them, "
        "with the key of its environment.",
    ):
        ask(db(), "test_model", payload, key=f"model_{key}")


def test_answer(key: str, stored: Profile | None) -> None:
    """Draw the result of the test call, if there was one, with its profile unless that is the stored one."""
    answer = poll(db(), f"model_{key}", waiting="Calling the model")
    if answer is None or answer.status != "done":
        return
    call = answer.result["call"]
    known = call["prompt_tokens"] is not None or call["completion_tokens"] is not None
    tokens = (
        f"{count(call['prompt_tokens'])} + {count(call['completion_tokens'])} tokens" if known else "tokens unknown"
    )
    cost = "cost unknown" if call["cost_usd"] is None else money(call["cost_usd"])
    st.success(literal(f"Answered in {seconds(call['seconds'])}: {tokens}, {cost}."), icon=":material/check:")
    profile = profile_in(answer)
    if profile is not None and profile != stored:
        profile_badges(profile, f"{key}_tested")
    if answer.result["called_tool"]:
        if profile is not None and (fault := profile.faults.get("tools")):
            st.warning(literal(fault), icon=":material/build:")
        else:
            st.caption("It called the tool that was offered.")
    else:
        st.warning("It answered in words and did not call the tool. It may not support tools.", icon=":material/build:")
        plain(answer.result["reply"])


def models() -> None:
    """Draw the saved endpoints and the form for a new one."""
    rows = endpoints.list_endpoints(db())
    if not rows:
        st.caption("The reference teacher needs no model. Add one when models shall play assistant, user or judge.")
    for row in rows:
        saved_model(row)
    with st.expander("Add a model", icon=":material/add:", expanded=not rows, key="add_model"):
        turn = st.session_state.get("models_added", 0)
        key = f"add_model_{turn}"
        made = endpoint_form(None, key)
        name, endpoint = made or ("", Endpoint(model=""))
        with st.container(horizontal=True):
            pressed = button("Save", key=f"{key}_save", type="primary", disabled=made is None)
            if made is not None:
                test_button(endpoint, key)
        if pressed and made is not None:
            save(name, endpoint, None, "models_added", tested_profile(db(), key))
        test_answer(key, None)


def saved_model(row: EndpointRow) -> None:
    """Draw one saved endpoint. The form keeps the version it began with, so that two tabs cannot undo each other."""
    turn = f"model_version_{row.name}"
    began: int = st.session_state.setdefault(turn, row.version)
    key = f"model_{row.name}_{began}"
    with st.expander(
        literal(row.name), icon=":material/smart_toy:", key=f"model_{row.name}", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        if began != row.version:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.warning("Somebody else saved this model in the meantime.", icon=":material/sync_problem:")
                button("Load what is saved", key=f"{key}_load", on_click=st.session_state.pop, args=(turn,))
        profile_badges(row.profile, key)
        made = endpoint_form(row, key)
        _, endpoint = made or ("", row.endpoint)
        with st.container(horizontal=True):
            pressed = button("Save", key=f"{key}_save", type="primary", disabled=made is None)
            if made is not None:
                test_button(endpoint, key)
            if delete_button(
                f"Delete **{literal(row.name)}** with its settings? Batches keep the copy that they started with.",
                key=f"{key}_delete",
            ):
                remove(row.name, began)
        if pressed and endpoint == row.endpoint:
            st.toast("Nothing has changed since it was saved.", icon=":material/info:")
        elif pressed and made is not None:
            save(row.name, endpoint, began, turn, tested_profile(db(), key))
        test_answer(key, row.profile)


@st.fragment(run_every=3.0)
def engine_health() -> None:
    """Draw the engines with their heartbeat and sandbox."""
    rows = engines.engines(db())
    if not rows:
        empty_state("No engine yet", "It starts with the studio, or with: python -m engine work", icon="power_off")
        return
    for row in rows[:5]:
        alive = time.time() - row.heartbeat_at < NO_ANSWER
        with st.container(border=True):
            st.markdown(
                f":material/{'check_circle' if alive else 'power_off'}: **{'Answering' if alive else 'Silent'}** · "
                f"{literal(row.holder)} · process {row.pid} · heartbeat {ago(row.heartbeat_at)} · "
                f"started {ago(row.started_at)}"
            )
            isolation = "isolates" if row.isolated else "does not isolate"
            st.caption(literal(f"Sandbox {row.sandbox} {isolation}. {row.detail}"))
    log_tail()


def log_tail() -> None:
    """Draw the last lines of logs/engine.log."""
    path = settings.read().logs / "engine.log"
    if not path.is_file():
        return
    with st.expander("Last lines of engine.log", icon=":material/description:", key="log", on_change="rerun") as opened:
        if opened.open:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - LOG_READ))
                lines = file.read().decode(errors="replace").splitlines()[-LOG_LINES:]
            st.code("\n".join(lines) or "Nothing yet.", language=None, wrap_lines=True, height=300)


def choose_sandbox() -> None:
    """Store the sandbox that new batches use by default."""
    with saving("Sandbox chosen"):
        preferences.set(db(), "sandbox", st.session_state["sandbox_choice"])


def sandbox() -> None:
    """Draw the sandbox that the engine uses and the choice for new batches."""
    chosen = preferences.get(db(), "sandbox", "auto")
    names = ["auto", *plugins.names("sandboxes")]
    st.selectbox(
        "Sandbox of new batches",
        names,
        names.index(chosen) if chosen in names else 0,
        key="sandbox_choice",
        format_func=words,
        on_change=choose_sandbox,
        width=320,
        help="Automatic takes what the engine was started with: docker where an engine answers, else "
        "bubblewrap where it works, else local.",
    )
    st.caption(
        "A batch can choose its own. Docker isolates: no network, no rights, bounds on memory, processes and time. "
        "`make sandbox-image` builds its image. Bubblewrap isolates too, without a container engine; it bounds neither "
        "the memory of all processes together nor processor time. Local is for machines with neither of them and does "
        "not isolate."
    )
    for name in plugins.names("sandboxes"):
        with st.expander(f"**{words(name)}**: {literal(plugins.label('sandboxes', name))}", key=f"sandbox_{name}"):
            sandbox_options(name)


def sandbox_options(name: str) -> None:
    """Draw the options of a sandbox; they apply to batches that start after they are saved."""
    stored: dict[str, dict[str, Any]] = preferences.get(db(), "sandbox_options", {})
    config = plugins.load("sandboxes", name).config
    once = {"allow_commands": [False]}  # each batch says it for itself
    try:
        values = config_form(config, key=f"sandbox_{name}", values=stored.get(name, {}), allowed=once)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = button("Save", key=f"sandbox_{name}_save", disabled=values == stored.get(name, {}))
        st.caption("Batches that begin from now on use what is saved.")
    if pressed:
        with saving():
            plugins.configure("sandboxes", name, values)
            preferences.set(db(), "sandbox_options", {**preferences.get(db(), "sandbox_options", {}), name: values})
            keep_message(f"Options of the {literal(name)} sandbox saved")
            st.rerun()


def storage() -> None:
    """Draw where the data is stored and how large it is."""
    now = settings.read()
    numbers = analytics.overview(db())
    with st.grid(4, min_column_width=130):
        st.metric("Database", bytes_size(size(db())), border=True)
        st.metric("Exports", bytes_size(_folder_size(now.exports)), border=True)
        st.metric("Logs", bytes_size(_folder_size(now.logs)), border=True)
        st.metric("Trajectories", count(numbers.trajectories), border=True)
    st.caption(literal(f"{db().dialect} · folder {now.home}"))


def _folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


header("Settings")
tabs = st.tabs(["Models", "Engine", "Sandbox", "Storage"], key="settings_tab", on_change="rerun")
for tab, draw in zip(tabs, (models, engine_health, sandbox, storage), strict=True):
    with tab:
        if tab.open:
            draw()
