"""The teacher, user and judges of a batch, their options, and a model for each role that needs one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import streamlit as st

from engine import plugins, settings
from engine.errors import InputError
from engine.planning.players import roles_asked
from engine.types import Batch, Choice, Endpoint, ModelRole, as_profiled
from pages._ui.badges import words
from pages._ui.config_form import config_form
from pages._ui.routes import page_link
from pages._ui.text import literal
from pages.generate.parts.batch_draft import USUAL, among, base, kept, several
from pages.generate.parts.rubric_form import rubric
from storage.database import Database
from storage.generating import endpoints


def players(db: Database) -> tuple[dict[str, Any], list[InputError]]:
    """Draw teacher, user, judges, their options and the model of every role that needs one.

    Returns (values, errors of options whose value has the wrong type).
    """
    start = base()
    usual = start or USUAL
    left, right = st.columns(2)
    teacher = _plugin(left, "teachers", "Teacher", usual.teacher.name)
    user = _plugin(right, "users", "Simulated user", usual.user.name)
    names = plugins.names("judges")
    judges = st.pills(
        "Judges",
        names,
        selection_mode="multi",
        format_func=words,
        help="  \n".join(f"**{words(n)}**: {plugins.label('judges', n)}" for n in names),
        **several("batch_judges", [judge.name for judge in usual.judges], names),
    )
    chosen = [("teachers", teacher, usual.teacher), ("users", user, usual.user)]
    begun = {judge.name: judge for judge in usual.judges}
    chosen += [("judges", name, begun.get(name, Choice(name=name))) for name in judges]
    asking = any(plugins.trait("judges", name, "asks", None) == "judge" for name in judges)
    with _fold(chosen):
        (teachers, users, *judging), refused = _with_options(chosen)
        panel = _panel(db, start) if asking else []
    batch = USUAL.model_copy(update={"teacher": teachers, "user": users, "judges": tuple(judging)})
    before = start.rubric if start else None
    reads_rubric = any(plugins.trait("judges", name, "reads_rubric", False) for name in judges)
    found = {
        "teacher": teachers,
        "user": users,
        "judges": judging,
        "models": _models(db, roles_asked(batch), start),
        "panel": panel,
        "rubric": rubric(before) if reads_rubric else before,
    }
    return found, refused


def _plugin(place: Any, kind: str, label: str, value: str) -> str:
    names = sorted(plugins.names(kind), key=lambda name: plugins.load(kind, name).make.asks is not None)
    options = among(f"batch_{kind}", value, names)
    return str(place.selectbox(label, names, format_func=lambda n: plugins.label(kind, n), **options))


def _fold(chosen: list[tuple[str, str, Choice]]) -> AbstractContextManager[Any]:
    """Return the fold for the options of what was chosen, where any of it has some."""
    any_options = any(plugins.load(kind, name).config.model_fields for kind, name, _ in chosen)
    return st.expander("Options of players and judges", icon=":material/tune:") if any_options else nullcontext()


def _with_options(chosen: list[tuple[str, str, Choice]]) -> tuple[list[Choice], list[InputError]]:
    """Draw the options of each chosen (kind, name); return the choices, and errors of values of the wrong type. The
    options begin with those of the given Choice where it has the same name."""
    found: list[Choice] = []
    refused: list[InputError] = []
    for kind, name, before in chosen:
        values: dict[str, Any] = {}
        config = plugins.load(kind, name).config
        if config.model_fields:
            st.caption(f"**{words(name)}**: {literal(plugins.label(kind, name))}")
            began = before.options if before.name == name else {}
            try:
                values = config_form(config, key=f"batch_{kind}_{name}", values=began, keep=True)
            except InputError as error:
                refused.append(error)
        found.append(Choice(name=name, options=values))
    return found, refused


def _panel(db: Database, start: Batch | None) -> list[Endpoint]:
    """Draw the choice of further models for the judges, among the saved ones and those of the batch that the form was
    filled from."""
    choices = {row.name: as_profiled(row.endpoint, row.profile) for row in endpoints.list_endpoints(db)}
    begun = []
    for number, endpoint in enumerate(start.panel if start else (), 1):
        same = next((name for name, saved in choices.items() if saved == endpoint), None)
        name = same or f"{endpoint.model} (as it was, {number})"
        choices[name] = endpoint
        begun.append(name)
    names = st.multiselect(
        "Panel: further models of the judge",
        list(choices),
        placeholder="None: one model judges",
        **several("batch_panel", begun, list(choices)),
    )
    st.caption(
        "All of them are asked beside the model of the judge; the answer of most counts, a tie measures nothing."
    )
    for name in names:
        _warn_of_key(choices[name])
    return [choices[name] for name in names]


def _warn_of_key(endpoint: Endpoint) -> None:
    if endpoint.key_variable and settings.key(endpoint.key_variable) is None:
        st.caption(f":material/warning: {literal(endpoint.key_variable)} is not set, so the batch would fail at once.")


def _models(db: Database, roles: list[ModelRole], start: Batch | None) -> dict[ModelRole, Endpoint]:
    if not roles:
        return {}
    saved = {row.name: as_profiled(row.endpoint, row.profile) for row in endpoints.list_endpoints(db)}
    found: dict[ModelRole, Endpoint] = {}
    for role, column in zip(roles, st.columns(len(roles)), strict=True):
        with column:
            before = start.models.get(role) if start else None
            if endpoint := _model(role, saved, before):
                found[role] = endpoint
    if len(found) < len(roles):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/key: No model is set up yet.", width="content")
            page_link("settings", "Add a model", icon="add")
    return found


def _model(role: ModelRole, saved: dict[str, Endpoint], before: Endpoint | None) -> Endpoint | None:
    """Draw the choice for one role: a saved model, or that of the batch that the form was filled from."""
    choices = dict(saved)
    usual = next(iter(saved), "")
    if before:
        plain = before.model_copy(update={"sampling": saved[usual].sampling}) if usual else before
        same = [n for n, e in saved.items() if plain.model_copy(update={"sampling": e.sampling}) == e]
        usual = same[0] if same else f"{before.model} (as it was)"
        choices = choices if same else {usual: before, **choices}
    if not choices:
        return None
    name = st.selectbox(f"Model of the {role}", list(choices), **among(f"batch_model_{role}", usual, list(choices)))
    endpoint = choices[name]
    heat = (before if before and name == usual else endpoint).sampling.temperature
    heat = st.slider("Temperature", 0.0, 2.0, step=0.1, **kept(f"batch_heat_{role}_{name}", heat))
    _warn_of_key(endpoint)
    return endpoint.model_copy(update={"sampling": endpoint.sampling.model_copy(update={"temperature": heat})})
