"""What a batch that judged again found: what counts otherwise by it, and whether its scores count."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages._ui.badges import look, score_name
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.format import count, plural
from pages._ui.messages import keep_message
from pages._ui.table import RowsTable
from storage.generating import batches, judgings

SHOWN = 200
COLUMNS = {
    "task": st.column_config.TextColumn("Request", width="large"),
    "before": st.column_config.TextColumn("Before"),
    "after": st.column_config.TextColumn("By these scores"),
    "reward": st.column_config.NumberColumn("New reward", format="%.2f"),
    "counts": st.column_config.CheckboxColumn("Counts"),
}

AGREEMENT = {
    "criterion": st.column_config.TextColumn("Criterion"),
    "agreement": st.column_config.ProgressColumn("Agreement", min_value=0.0, max_value=1.0, format="percent"),
    "trajectories": st.column_config.NumberColumn("Trajectories", format="localized"),
}


def scores_buttons(row: batches.BatchRow) -> None:
    """Draw the choice whether the scores that a batch found count, once no engine works on it."""
    if not row.rejudges or row.status in ("queued", "running"):
        return
    found = judgings.standing(db(), row.id)
    if found.judged > found.used:
        button(
            "Let these scores count",
            icon=":material/published_with_changes:",
            type="primary" if row.status == "done" else "secondary",
            key=f"use_{row.id}",
            on_click=_use,
            args=(row.id,),
            help="Lists, charts and exports then go by them. You can take it back.",
        )
    if found.used:
        button(
            f"Take the scores back ({count(found.used)})",
            icon=":material/undo:",
            key=f"undo_{row.id}",
            on_click=_undo,
            args=(row.id,),
            help="Gives these trajectories the scores that they had before.",
        )


def _use(number: int) -> None:
    with saving():
        changed = judgings.use(db(), number)
        keep_message(f"{plural(changed, 'trajectory has', 'trajectories have')} these scores now")


def _undo(number: int) -> None:
    with saving():
        changed = judgings.undo(db(), number)
        keep_message(f"{plural(changed, 'trajectory has', 'trajectories have')} the earlier scores again")


def agreement_view(row: batches.BatchRow) -> None:
    """Draw how far the votes of a panel agree, by criterion, once the batch rests."""
    voted = row.batch.panel or any(choice.options.get("times", 1) != 1 for choice in row.batch.judges)
    if not voted or row.status in ("queued", "running"):
        return
    found = judgings.panel_agreement(db(), row.id)
    if not found:
        return
    st.header("How far the panel agrees", anchor=False)
    st.caption("Share of votes for the answer that counts, the lowest first. What is often split needs other words.")
    shown = pd.DataFrame(
        [
            {"criterion": score_name(name), "agreement": one.share, "trajectories": one.trajectories}
            for name, one in found.items()
        ]
    )
    st.dataframe(shown, hide_index=True, column_config=AGREEMENT, alt="Agreement of the panel by criterion")


def flips_view(row: batches.BatchRow) -> None:
    """Draw how many trajectories count otherwise by the scores of a batch, and which; each opens."""
    if not row.rejudges:
        return
    found = judgings.standing(db(), row.id)
    st.header("What counts otherwise by these scores", anchor=False)
    if not found.flips:
        st.caption(f"Nothing, of {plural(found.judged, 'trajectory', 'trajectories')} judged so far.")
        return
    moves = [
        f"{look('status', before).word} → {look('status', after).word}: {count(number)}"
        for (before, after), number in found.flips.items()
    ]
    st.caption(" · ".join(moves))
    shown = pd.DataFrame(
        [
            {
                "id": one.trajectory,
                "task": one.title,
                "before": look("status", one.before).word,
                "after": look("status", one.after).word,
                "reward": one.reward,
                "counts": one.used,
            }
            for one in judgings.flips(db(), row.id, SHOWN)
        ]
    ).set_index("id")
    RowsTable("flips", "trajectory", COLUMNS, "What counts otherwise by these scores").draw(shown, f"flips:{row.id}")
    if sum(found.flips.values()) > SHOWN:
        st.caption(f"The first {SHOWN}.")
