"""What the simulated user of a batch cost, on the batch's page."""

from __future__ import annotations

import streamlit as st

from engine.types import TrajectoryFilter
from pages._ui.badges import words
from pages._ui.database import db
from pages._ui.filters import filter_parameters
from pages._ui.format import UNKNOWN, count, percent, plural
from pages._ui.routes import page_link
from pages._ui.text import literal
from storage.generating.user_yield import user_yield


def user_yield_view(batch: int) -> None:
    """Draw the share of dialogues that the user did not spoil and its violations by kind; nothing where there are
    none."""
    found = user_yield(db(), batch)
    if not found.violations and not found.again:
        return
    st.header("The simulated user", anchor=False)
    with st.grid(5, min_column_width=110):
        share = percent(found.share) if found.share is not None else UNKNOWN
        st.metric("User yield", share, border=True, help="Dialogues that the simulated user did not spoil.")
        st.metric("Spoiled", count(found.lost), border=True)
        st.metric("Run again", count(found.again), border=True, help="Runs that were made once more because of it.")
    for one in found.violations:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{literal(words(one.reason))}: {plural(one.messages, 'message')} not taken", width="content")
            if one.lost:
                chosen = TrajectoryFilter(batches=(batch,), culprits=("user",), reasons=(one.reason,))
                page_link("queue", f"{count(one.lost)} lost", icon="filter_alt", **filter_parameters(chosen))
