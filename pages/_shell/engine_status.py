"""The engine's state in the sidebar: alive or silent, and which sandbox it uses.

The strip is the one fragment of every page that reruns by itself, so it also notices when the browser's theme changes.
"""

from __future__ import annotations

import time

import streamlit as st

from engine.errors import StorageError
from engine.times import NO_ANSWER
from pages._ui.database import db
from pages._ui.format import ago
from pages._ui.isolation import until_built
from pages._ui.text import literal
from storage.serving import engines


def engine_status() -> None:
    """Draw the strip in the sidebar; it reruns every ten seconds."""
    st.session_state["drawn_theme"] = st.context.theme.type
    with st.sidebar:
        _strip()


@st.fragment(run_every=10.0)
def _strip() -> None:
    if st.context.theme.type != st.session_state.get("drawn_theme"):
        st.rerun()  # logo and charts are drawn for one theme
    try:
        row = engines.newest(db())
    except StorageError as error:
        st.error(literal(str(error)), icon=":material/database_off:")
        return
    with st.container(key="engine_status", gap="small"):
        if row is None:
            st.badge("No engine yet", icon=":material/power_off:", color="gray", help="Batches wait until one starts.")
            return
        if time.time() - row.heartbeat_at > NO_ANSWER:
            st.badge(
                f"Engine silent, {ago(row.heartbeat_at)}",
                icon=":material/power_off:",
                color="red",
                help="Batches wait. The studio starts an engine again by itself; see logs/engine.log.",
            )
            return
        st.badge("Engine ready", icon=":material/bolt:", color="green", help=f"Heartbeat {ago(row.heartbeat_at)}.")
        if row.isolated is not False:
            st.badge(f"Sandbox: {literal(row.sandbox or 'not chosen yet')}", icon=":material/shield:", color="gray")
        else:
            st.badge(
                f"Sandbox: {literal(row.sandbox)}, does not isolate",
                icon=":material/gpp_maybe:",
                color="orange",
                help="Tools run in a plain subprocess with resource limits. Start a Docker engine or install "
                "bubblewrap to isolate them.",
            )
            if (notice := until_built()) is not None:
                st.caption(literal(notice))
