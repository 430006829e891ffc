"""Every batch with its progress."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages._ui.badges import BATCH, look
from pages._ui.database import db
from pages._ui.layout import actions, empty_state
from pages._ui.routes import page_link
from pages._ui.table import RowsTable, fetched, pager
from storage.generating import batches

MOVING = ("queued", "running")
COLUMNS = {
    "name": st.column_config.TextColumn("Name", width="medium"),
    "status": st.column_config.TextColumn("Status"),
    "done": st.column_config.ProgressColumn("Progress", min_value=0, max_value=1, format="percent"),
    "planned": st.column_config.NumberColumn("Planned"),
    "kept": st.column_config.NumberColumn("Kept"),
    "rejected": st.column_config.NumberColumn("Rejected"),
    "failed": st.column_config.NumberColumn("Failed"),
    "unmeasured": st.column_config.NumberColumn("Unmeasured"),
    "teacher": st.column_config.TextColumn("Teacher"),
    "cost": st.column_config.NumberColumn("Cost", format="dollar"),
    "per_kept": st.column_config.NumberColumn("Cost per kept", format="dollar"),
    "created": st.column_config.DatetimeColumn("Created", format="distance"),
}


def fetch(limit: int, offset: int) -> tuple[list[batches.BatchRow], int]:
    """Return one page of batches and how many there are."""
    chosen = tuple(st.session_state.get("status") or ())
    return batches.list_batches(db(), limit, offset, chosen), batches.count_batches(db(), chosen)


def frame(rows: list[batches.BatchRow]) -> pd.DataFrame:
    """Return the rows for the table, the id as index."""
    return pd.DataFrame(
        [
            {
                "id": row.id,
                "name": row.name,
                "status": look("batch", row.status).word,
                "done": row.progress.finished / max(row.progress.planned, 1),
                "planned": row.progress.planned,
                "kept": row.progress.kept,
                "rejected": row.progress.rejected,
                "failed": row.progress.failed,
                "unmeasured": row.progress.unmeasured,
                "teacher": row.batch.teacher.name,
                "cost": row.cost_usd,
                "per_kept": row.cost_per_kept,
                "created": pd.Timestamp(row.created_at, unit="s", tz="UTC"),
            }
            for row in rows
        ]
    ).set_index("id")


def listing() -> None:
    """Draw the list, which polls while it is on screen."""
    rows, total = fetched(fetch)
    if not rows:
        st.caption("No batch has this status.")
        return
    signature = f"batches:{st.session_state.get('statuses')}"
    RowsTable("batches", "batch", COLUMNS, "Batches").draw(frame(rows), signature)
    pager(total, "batches")


with actions("Batches"):
    page_link("new-batch", "New batch", icon="add_circle")
if not batches.count_batches(db()):
    empty_state(
        "No batches yet", "Launch a first batch to see it here.", icon="stacks", action="New batch", page="new-batch"
    )
    st.stop()
st.pills(
    "Status",
    [s for s in BATCH if s],
    selection_mode="multi",
    format_func=lambda s: look("batch", s).word,
    key="status",
    bind="query-params",
    label_visibility="collapsed",
)
st.fragment(listing, run_every=2.0 if batches.count_batches(db(), MOVING) else 10.0)()
