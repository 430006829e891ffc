"""The dialogs that create, edit, duplicate or delete a persona, and sample lines of one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, get_args

import streamlit as st
from pydantic import ValidationError

from engine.dialogue.phrases import with_closing, with_opening
from engine.errors import Conflict
from engine.reading.places import Source
from engine.types import Persona
from pages._ui.badges import words
from pages._ui.buttons import button
from pages._ui.confirm_buttons import destroy_button, drop_button
from pages._ui.database import db
from pages._ui.dialogs import begin, close, dialog, finish, refusals, unless_done
from pages._ui.text import literal, plain
from pages.design.parts.domain_dialogs import id_from
from storage.designing import personas
from storage.designing.personas import PersonaRow

EXPERTISE: tuple[str, ...] = get_args(Persona.model_fields["expertise"].annotation)
DISCLOSURE: tuple[str, ...] = get_args(Persona.model_fields["disclosure"].annotation)
_NEW: dict[str, Any] = {
    "name": "",
    "occupation": "",
    "goal_style": "",
    "tone": "",
    "expertise": EXPERTISE[1],
    "disclosure": DISCLOSURE[0],
    "patience": 5,
    "description": "",
    "openings": (),
    "closings": (),
}
"""What the form of a new persona begins with."""
REQUEST = "Could you look up my latest order and tell me when it arrives?"


def sample_line(persona: Persona, turn: int) -> str:
    """Return a first message of this persona, with the `turn`th of its openings."""
    source = random.Random(f"{persona.id}:{turn // max(1, len(persona.openings))}")
    opening = persona.openings[turn % len(persona.openings)] if persona.openings else ""
    closing = source.choice(persona.closings) if persona.closings else ""
    return with_closing(with_opening(opening, REQUEST), closing)


def edit_persona(row: PersonaRow | None, *, copy: bool = False) -> None:
    """Open the form: for a new persona, an existing one, or a copy of it."""
    place = "new" if row is None else f"{row.persona.id}{'_copy' if copy else ''}"
    title = "New persona" if row is None or copy else "Edit persona"
    st.session_state[f"persona_based_{place}"] = None if row is None or copy else row.version
    st.session_state.pop(f"persona_{place}_began", None)
    begin("persona")
    dialog(title, width="large", icon=":material/person:", dismissible=False)(draw_form)(row, copy, place)


def draw_form(row: PersonaRow | None, copy: bool, place: str) -> None:
    """Draw the body of the dialog."""
    unless_done("persona")
    given = row.persona if row else None
    key = f"persona_{place}"
    values = _fields(given, copy, key)
    written, began = dict(values), st.session_state.setdefault(f"{key}_began", dict(values))
    fresh = row is None or copy
    values["id"] = id_from(values["name"]) if fresh else (given.id if given else "")
    if fresh and values["id"]:
        st.caption(literal(f"Its id will be {values['id']}."))
    persona, problems = _persona(values)
    for problem in problems:
        st.caption(f":orange[:material/info:] {literal(problem)}")
    if persona:
        _sample(persona, key)
    with st.container(horizontal=True):
        pressed = button("Save", key=f"{key}_save", type="primary", icon=":material/save:", disabled=persona is None)
        if drop_button(
            "Close",
            "Drop what you wrote?",
            key=f"{key}_close",
            edited=written != began,
            yes="Drop it",
            type="tertiary",
        ):
            close()
    st.caption("Batches keep the persona as it was when they began.")
    if pressed and persona:
        _save(persona, place)


def _fields(given: Persona | None, copy: bool, key: str) -> dict[str, Any]:
    """Draw the fields, filled from a persona where one is given; return what they hold."""
    start = given.model_dump() if given else _NEW
    if copy:
        start = start | {"name": f"{start['name']} (copy)"}
    values = {**_who(start, key), **_manner(start, key)}
    values["description"] = st.text_area(
        "Description",
        start["description"],
        key=f"{key}_description",
        height=110,
        placeholder="Who this is and how they talk, told to the simulated user: You ...",
    )
    left, right = st.columns(2)
    for column, field, label in ((left, "openings", "Openings"), (right, "closings", "Closings")):
        text = column.text_area(f"{label}, one per line", "\n".join(start[field]), key=f"{key}_{field}", height=110)
        values[field] = tuple(line.strip() for line in text.splitlines() if line.strip())
    return values


def _who(start: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Draw name, occupation, goal style and tone; return their values."""
    left, right = st.columns(2)
    return {
        "name": left.text_input(
            "Name", start["name"], key=f"{key}_name", max_chars=80, placeholder="for example Night nurse"
        ),
        "occupation": right.text_input("Occupation", start["occupation"], key=f"{key}_occupation", max_chars=120),
        "goal_style": left.text_input(
            "Goal style",
            start["goal_style"],
            key=f"{key}_goal",
            max_chars=200,
            placeholder="what they are after, and how",
            help="For example: wants it done fast, skips the details.",
        ),
        "tone": right.text_input(
            "Tone", start["tone"], key=f"{key}_tone", max_chars=120, placeholder="for example curt, friendly"
        ),
    }


def _manner(start: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Draw expertise, disclosure and patience; return their values."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        return {
            "expertise": st.selectbox(
                "Expertise",
                EXPERTISE,
                EXPERTISE.index(start["expertise"]),
                key=f"{key}_expertise",
                format_func=words,
            ),
            "disclosure": st.selectbox(
                "Tells",
                DISCLOSURE,
                DISCLOSURE.index(start["disclosure"]),
                key=f"{key}_disclosure",
                format_func=words,
                help="How much is said at once.",
            ),
            "patience": st.number_input(
                "Patience",
                1,
                12,
                start["patience"],
                key=f"{key}_patience",
                help="Rounds that this persona bears before it leaves.",
            ),
        }


def _persona(values: dict[str, Any]) -> tuple[Persona | None, list[str]]:
    """Return (persona of the values, []), or None and what is wrong with them."""
    empty = [words(name) for name in ("name", "description") if not values[name].strip()]
    if empty:
        return None, [f"{name}: give it a text." for name in empty]
    if not values["id"]:
        return None, ["Name: use at least one letter or digit."]
    try:
        return Persona.model_validate(values), []
    except ValidationError as error:
        return None, [str(one) for one in Source("Persona").refusals(error, values)]


def _sample(persona: Persona, key: str) -> None:
    turn = int(st.session_state.get(f"{key}_turn", 0))
    with st.container(border=True, gap="small"):
        st.caption("Sample opening line")
        plain(sample_line(persona, turn))
        button(
            "Another",
            key=f"{key}_another",
            icon=":material/refresh:",
            type="tertiary",
            on_click=_another,
            args=(f"{key}_turn",),
        )


def _another(field: str) -> None:
    st.session_state[field] = int(st.session_state.get(field, 0)) + 1


def _save(persona: Persona, place: str) -> None:
    field = f"persona_based_{place}"
    with refusals():
        try:
            personas.save_persona(db(), persona, st.session_state.get(field))
        except Conflict:
            if st.session_state.get(field) is not None:
                st.session_state[field] = _current(persona.id)
                st.warning(
                    "Your text is kept. Press Save once more to replace the other change.",
                    icon=":material/sync_problem:",
                )
            raise
        st.session_state.pop(field, None)
        finish("persona", "Persona saved")


def _current(id: str) -> int | None:
    row = next((r for r in personas.list_personas(db()) if r.persona.id == id), None)
    return row.version if row else None


def delete_persona(row: PersonaRow) -> None:
    """Open the dialog that asks before a persona is deleted."""
    begin("delete_persona")
    _delete_persona(row)


@dialog("Delete this persona?", icon=":material/delete:")
def _delete_persona(row: PersonaRow) -> None:
    unless_done("delete_persona")
    plain(row.persona.name)
    st.write(
        "It leaves the list, and new batches no longer draw it. Batches that used it keep their copy. It can be "
        "restored at the end of the list."
    )
    with st.container(horizontal=True):
        if destroy_button("Delete the persona", key="persona_delete_yes"):
            with refusals():
                personas.delete_persona(db(), row.persona.id, based_on=row.version)
                finish("delete_persona", f"Persona {literal(row.persona.name)} deleted")
        if button("Keep it", key="persona_delete_no"):
            close()
