"""Redrawing the parts of the review page that show marks, without the rest of the page."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

PARTS = ["viewer", "panel", "place"]
"""The fragments of the review page that show marks, and the place in the list with how much of it is reviewed."""


def redraw() -> None:
    """Redraw PARTS; the last thing that a callback does.

    A pass of the whole page (a link, say, that was followed in the same moment) draws them anyway. Streamlit would put
    the parts in its place, and what was asked for would never be drawn.
    """
    context = get_script_run_ctx()
    if context is None or context.fragment_ids_this_run:
        st.rerun(PARTS)
