"""A button that drops what somebody wrote, or deletes something: it asks in its place before it does."""

from __future__ import annotations

from typing import Any

import streamlit as st


def delete_button(question: str, *, key: str, label: str = "Delete", **look: Any) -> bool:
    """Draw a button that deletes for good; return True in the pass in which that is wanted. `question` names what is
    lost and what stays."""
    look = {"icon": ":material/delete:", "type": "tertiary"} | look
    return drop_button(label, question, key=key, edited=True, yes="Delete it", no="Keep it", **look)


def drop_button(
    label: str, question: str, *, key: str, edited: bool, yes: str, no: str = "Keep editing", **look: Any
) -> bool:
    """Draw the button; return True in the pass in which the drop is wanted.

    With nothing `edited` a press is enough. Else `question` takes the button's place, with `yes` and a way back.
    """
    slot, asked, pressed, wanted = st.empty(), f"{key}_asked", f"{key}_pressed", f"{key}_wanted"
    was_pressed = st.session_state.pop(pressed, False)  # set by a callback: a pass that is cut short loses no press
    if was_pressed and edited:
        st.session_state[asked] = True
    if not (edited and st.session_state.get(asked)):
        st.session_state.pop(asked, None)
        slot.button(label, key=key, on_click=_mark, args=(pressed,), **look)
        return bool(was_pressed)
    with slot.container(horizontal=True, vertical_alignment="center", width="content", key=f"{key}_question"):
        st.markdown(f":material/help: {question}", width="content")
        st.button(yes, key=f"{key}_yes", icon=":material/delete:", on_click=_mark, args=(wanted,))
        st.button(no, key=f"{key}_no", type="tertiary", on_click=_keep, args=(asked,))
    if st.session_state.pop(wanted, False):
        st.session_state.pop(asked)
        return True
    return False


def _mark(flag: str) -> None:
    st.session_state[flag] = True


def _keep(asked: str) -> None:
    st.session_state.pop(asked, None)
