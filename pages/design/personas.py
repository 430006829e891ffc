"""The personas that simulated users play."""

from __future__ import annotations

import streamlit as st

from engine.types import Persona
from pages._ui.badges import words
from pages._ui.buttons import button, menu
from pages._ui.database import db
from pages._ui.dialogs import open_after_page
from pages._ui.format import plural
from pages._ui.layout import actions, empty_state
from pages._ui.text import literal, plain
from pages.design.parts.draft.deleting import deleted_list
from pages.design.parts.persona_form import DISCLOSURE, EXPERTISE, delete_persona, edit_persona, sample_line
from storage.designing import personas
from storage.designing.personas import PersonaRow

PER_PAGE = 24


def chosen_rows(everyone: list[PersonaRow]) -> list[PersonaRow]:
    """Draw the controls and return the personas that they select."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            key="text",
            bind="query-params",
            live=True,
            type="search",
            placeholder="Search personas",
            label_visibility="collapsed",
            width=280,
        )
        expertise = st.pills(
            "Expertise",
            EXPERTISE,
            key="expertise",
            bind="query-params",
            format_func=words,
            selection_mode="multi",
            label_visibility="collapsed",
            width="content",
        )
        disclosure = st.pills(
            "Tells",
            DISCLOSURE,
            key="tells",
            bind="query-params",
            format_func=words,
            selection_mode="multi",
            label_visibility="collapsed",
            width="content",
        )
    found = personas.list_personas(db(), str(text)[:200]) if text else everyone
    return [
        row
        for row in found
        if (not expertise or row.persona.expertise in expertise)
        and (not disclosure or row.persona.disclosure in disclosure)
    ]


def card(row: PersonaRow) -> None:
    """Draw one persona with a sample line and its actions."""
    one, turn = row.persona, f"line_{row.persona.id}"
    with st.container(
        border=True, gap="small", height="stretch", vertical_alignment="distribute", key=f"persona_card_{one.id}"
    ):
        with st.container(gap="small"):
            described(one, turn)
        with st.container(horizontal=True, gap="small"):
            if button("Edit", key=f"edit_{one.id}", icon=":material/edit:", type="tertiary"):
                open_after_page(lambda: edit_persona(row))
            button(
                "Another line",
                key=f"another_{one.id}",
                icon=":material/refresh:",
                type="tertiary",
                on_click=another,
                args=(turn,),
                help="Another way in which this persona may open.",
            )
            chosen = menu("More", ["Duplicate", "Delete"], key=f"more_{one.id}", type="tertiary")
    if chosen == "Duplicate":
        open_after_page(lambda: edit_persona(row, copy=True))
    elif chosen == "Delete":
        open_after_page(lambda: delete_persona(row))


def described(one: Persona, turn: str) -> None:
    """Draw a persona; `turn` is the session key that holds the number of its sample line."""
    st.markdown(f"**{literal(one.name)}**")
    st.caption(literal(one.occupation or "no occupation"))
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(words(one.expertise), icon=":material/school:", color="blue")
        st.badge(words(one.disclosure), icon=":material/chat:", color="gray")
        st.badge(f"Patience {one.patience}", icon=":material/hourglass:", color="gray")
    plain(one.description)
    st.caption(f":material/format_quote: {literal(sample_line(one, int(st.session_state.get(turn, 0))))}")


def draw_deleted() -> None:
    """Draw the deleted personas, each with a button that restores it."""
    gone = [(row.persona.id, row.persona.name) for row in personas.list_personas(db(), deleted=True)]
    deleted_list("persona", gone, lambda id: personas.restore_persona(db(), id))


def another(turn: str) -> None:
    """Show the next sample line of a card."""
    st.session_state[turn] = int(st.session_state.get(turn, 0)) + 1


with actions("Personas", "Who the simulated users are. A batch draws one for each dialogue."):
    if button("New persona", key="new_persona", type="primary", icon=":material/person_add:"):
        open_after_page(lambda: edit_persona(None))
known = personas.list_personas(db())
if not known:
    empty_state("No personas yet", "A batch needs at least one. Make one with New persona.", icon="groups")
    draw_deleted()
    st.stop()
rows = chosen_rows(known)
st.caption(f"{plural(len(rows), 'persona')}" + (f" of {len(known)}" if len(rows) != len(known) else ""))
if not rows:
    st.caption("No persona matches. Search for another word, or choose fewer filters.")
pages = max(1, -(-len(rows) // PER_PAGE))
number = (st.pagination(pages, key="page", bind="query-params") or 1) if pages > 1 else 1
with st.grid(3, min_column_width=320):
    for one in rows[(number - 1) * PER_PAGE : number * PER_PAGE]:
        card(one)
draw_deleted()
