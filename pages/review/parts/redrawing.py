"""Rerun the fragments of the review page that show marks, without the rest of the page."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

PARTS = ["viewer", "panel", "place"]
"""Fragments of the review page that show marks: turns, verdict panel, and position in the list."""


def redraw() -> None:
    """Have Streamlit run PARTS; call it last in a callback.

    Does nothing in a pass of the whole page (after a click on a link, say), which draws them anyway: Streamlit would
    run the fragments instead of the page.
    """
    context = get_script_run_ctx()
    if context is None or context.fragment_ids_this_run:
        st.rerun(PARTS)
