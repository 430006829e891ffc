"""Buttons that discard edits or delete something. They ask first; the question takes the button's place."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages._ui.buttons import button


def destroy_button(label: str, *, key: str, icon: str = "delete") -> bool:
    """Draw the button that confirms what cannot be undone: red, never the primary colour."""
    return button(f":red[{label}]", key=key, icon=f":material/{icon}:")


def delete_button(question: str, *, key: str, label: str = "Delete", **look: Any) -> bool:
    """Draw a button that deletes for good; return True in the pass after it was confirmed. `question` says what is lost
    and what stays."""
    look = {"icon": ":material/delete:", "type": "tertiary"} | look
    return drop_button(label, question, key=key, edited=True, yes="Delete it", no="Keep it", **look)


def drop_button(
    label: str, question: str, *, key: str, edited: bool, yes: str, no: str = "Keep editing", **look: Any
) -> bool:
    """Draw the button; return True in the pass after it was confirmed.

    Without edits (`edited` False) a press is enough. Else `question` replaces the button, with the buttons `yes` and
    `no`.
    """
    slot, asked = st.empty(), f"{key}_asked"
    if not (edited and st.session_state.get(asked)):
        st.session_state.pop(asked, None)
        pressed = button(label, key=key, at=slot, **look)
        if not (pressed and edited):
            return pressed
        st.session_state[asked] = True
    with slot.container(horizontal=True, vertical_alignment="center", width="content", key=f"{key}_question"):
        st.markdown(f":material/help: {question}", width="content")
        wanted = button(yes, key=f"{key}_yes", icon=":material/delete:")
        button(no, key=f"{key}_no", type="tertiary", on_click=_keep, args=(asked,))
    if wanted:
        st.session_state.pop(asked)
    return wanted


def _keep(asked: str) -> None:
    st.session_state.pop(asked, None)
