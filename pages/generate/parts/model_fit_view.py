"""Warnings where a chosen model does not fit its role."""

from __future__ import annotations

import streamlit as st

from engine.planning.model_fit import misfits, untried
from engine.types import Batch
from pages._ui.messages import notice
from pages._ui.routes import page_link
from pages._ui.text import literal
from storage.database import Database
from storage.generating import endpoints


def model_fit(db: Database, batch: Batch) -> None:
    """Draw what the profiles of the batch's models warn of, and one line for models without a profile."""
    profiles = endpoints.profiles(db)
    for misfit in misfits(batch, profiles):
        if misfit.serious:
            notice("warning", literal(misfit.text), icon="warning")
        else:
            st.caption(f":material/info: {literal(misfit.text)}")
    if roles := untried(batch, profiles):
        with st.container(horizontal=True, vertical_alignment="center"):
            which = "The model of the " + ", ".join(roles) + " was not tried yet."
            st.caption(f":material/network_check: {which}", width="content")
            page_link("settings", "Make a test call", icon="arrow_forward")
