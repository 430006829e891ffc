"""A message that outlives its dialog.

Inside a dialog nothing may be drawn outside its body: a toast lies where the dialog itself lies and would take its
place. So a dialog leaves its message here, asks for a new pass, and the page shows it.
"""

from __future__ import annotations

import streamlit as st

_KEY = "notice"


def tell_later(text: str) -> None:
    """Keep a message for the page's next pass."""
    st.session_state[_KEY] = text


def tell() -> None:
    """Show the message that a dialog left, once; call it in the page's script."""
    if text := st.session_state.pop(_KEY, None):
        st.toast(text, icon=":material/check:")
