"""What a pilot shows of the whole batch that it was launched for."""

from __future__ import annotations

import streamlit as st

from pages._ui.database import db
from pages._ui.format import UNKNOWN, money, plural, seconds
from pages._ui.routes import page_link
from pages._ui.text import literal
from storage.generating.batches import BatchRow
from storage.generating.pilot import Pilot, Spread, pilot_of


def pilot_view(row: BatchRow) -> None:
    """Draw what a finished pilot took, and what the whole batch would take; nothing for any other batch."""
    whole = row.batch.pilot_of
    if whole is None or row.status != "done" or (found := pilot_of(db(), row.id)) is None:
        return
    took, cost = found.whole(whole, row.batch.concurrency)
    with st.container(border=True):
        st.header(f"What {plural(whole, 'trajectory', 'trajectories')} would take", anchor=False)
        with st.grid(5, min_column_width=130):
            st.metric("Kept", f"{found.kept} of {found.trajectories}", border=True)
            st.metric("Cost per kept", _money(found.cost_per_kept), border=True, help=_costs(found.cost_per_kept))
            st.metric(
                "Time per kept", _seconds(found.seconds_per_kept), border=True, help=_times(found.seconds_per_kept)
            )
            st.metric("Whole cost", _money(cost), border=True, help=_costs(cost))
            st.metric("Whole time", _seconds(took), border=True, help=_times(took))
        st.caption(_caption(found, took, cost, row.batch.concurrency))
        page_link("new-batch", "Back to the form", icon="edit_note")


def _caption(found: Pilot, took: Spread, cost: Spread | None, concurrency: int) -> str:
    spread = " and ".join(filter(None, (_times(took), _costs(cost))))
    return (
        f"By the mean of {found.trajectories} trajectories, {concurrency} in flight. If all were like the quickest and "
        f"cheapest, or the slowest and dearest of them: {spread}."
    )


def _money(spread: Spread | None) -> str:
    return money(spread.mean) if spread is not None else UNKNOWN


def _seconds(spread: Spread | None) -> str:
    return seconds(spread.mean) if spread is not None else UNKNOWN


def _costs(spread: Spread | None) -> str | None:
    return literal(f"{money(spread.least)} to {money(spread.most)}") if spread is not None else None


def _times(spread: Spread | None) -> str | None:
    return f"{seconds(spread.least)} to {seconds(spread.most)}" if spread is not None else None
