"""The review queue: filter, sort and page in SQL, saved views, verdicts for many at once."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from engine.types import TrajectoryFilter, Verdict
from pages._ui.badges import look, mode_name, plays_reference
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.dialogs import open_after_page
from pages._ui.filters import VIEWS, clear_filter, filter_bar, filter_parameters, set_filter
from pages._ui.format import count, plural
from pages._ui.judge_again import judge_again
from pages._ui.layout import actions, empty_state
from pages._ui.messages import keep_message, show_messages
from pages._ui.routes import open_page
from pages._ui.table import RowsTable, fetched, pager
from pages.review.parts.reviewer import tab, undo_last
from storage.reviewing.reviews import ReviewEvent, review_progress, standings
from storage.reviewing.trajectories import TrajectoryRow, next_unreviewed, page

SORTS = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "reward_low": "Lowest reward first",
    "reward_high": "Highest reward first",
    "turns": "Most turns first",
    "tool_calls": "Most tool calls first",
    "tokens": "Most tokens first",
    "cost": "Most expensive first",
}
COLUMNS = {
    "id": st.column_config.NumberColumn("ID", width=70, format="%d"),
    "title": st.column_config.TextColumn("First request", width=340),
    "standing": st.column_config.TextColumn("Verdict", width=130),
    "outcome": st.column_config.TextColumn("Outcome", width=100),
    "reward": st.column_config.ProgressColumn("Reward", min_value=0.0, max_value=1.0, format="%.2f", width=100),
    "domain": st.column_config.TextColumn("Domain", width=110),
    "mode": st.column_config.TextColumn("Mode", width=160),
    "teacher": st.column_config.TextColumn("Teacher", width=130),
    "turns": st.column_config.NumberColumn("Turns", width=70),
    "tool_calls": st.column_config.NumberColumn("Calls", width=70),
    "status": st.column_config.TextColumn("Status", width=100),
    "reason": st.column_config.TextColumn("Lost because", width=150),
    "persona": st.column_config.TextColumn("Persona", width=130),
    "batch": st.column_config.NumberColumn("Batch", width=70, format="%d"),
    "subsets": st.column_config.TextColumn("Kind of dialogue", width=260),
}
TABLE = RowsTable("queue", "trajectory", COLUMNS, "Trajectories of the queue", selectable=True)


def table_of(rows: list[TrajectoryRow]) -> pd.DataFrame:
    """Return the rows for the table, with the ids as index."""
    records = [
        {
            "id": row.id,
            "title": row.title,
            "standing": look("standing", row.standing).word,
            "outcome": look("outcome", row.outcome).word,
            "reward": row.reward,
            "domain": row.domain,
            "mode": mode_name(row.mode),
            "teacher": row.teacher if plays_reference(row.teacher) else row.model,
            "turns": row.turns,
            "tool_calls": row.tool_calls,
            "status": look("status", row.status).word,
            "reason": (row.reason or "").replace("_", " "),
            "persona": row.persona,
            "batch": row.batch_id,
            "subsets": ", ".join(name.replace("_", " ") for name in row.subsets),
        }
        for row in rows
    ]
    return pd.DataFrame(records, index=[row.id for row in rows], columns=list(COLUMNS))


def draw_bulk(chosen: list[int]) -> None:
    """Draw the verdict buttons for the chosen rows."""
    with st.container(horizontal=True, vertical_alignment="center", key="bulk"):
        st.markdown(f"**{plural(len(chosen), 'trajectory', 'trajectories')} chosen**", width="content")
        verdicts: tuple[tuple[Verdict, str, str], ...] = (
            ("accept", "Accept all", "check_circle"),
            ("reject", "Reject all", "cancel"),
        )
        for verdict, label, icon in verdicts:
            button(
                label, key=f"bulk_{verdict}", icon=f":material/{icon}:", on_click=decide_chosen, args=(chosen, verdict)
            )
        button("Choose none", key="bulk_none", type="tertiary", on_click=TABLE.choose_none)


def decide_chosen(chosen: list[int], verdict: Verdict) -> None:
    """Give one verdict to all selected trajectories; those that another tab changed meanwhile stay selected."""
    with saving():
        others = tab().decide_many(db(), chosen, verdict)
        TABLE.choose_none(but=others)
        message = f"{look('verdict', verdict).word}: {plural(len(chosen) - len(others), 'trajectory', 'trajectories')}"
        if others:
            message += (
                f". {plural(len(others), 'other has', 'others have')} another verdict by now, given elsewhere, and "
                "stay chosen: look, then press again to replace it."
            )
        held = [n for n, one in standings(db(), {*chosen} - {*others}).items() if one == "awaits_correction"]
        if held:
            message += (
                f". {plural(len(held), 'still awaits', 'still await')} a correction of a turn, so no export holds it"
            )
        keep_message(message, "sync_problem" if others else "check")


def choose_view() -> None:
    """Put the chosen saved view into the filter bar."""
    name = st.session_state.get("queue_view")
    if name in VIEWS:
        set_filter(VIEWS[name])


@st.fragment
def draw_queue() -> None:
    """Draw views, filter, counts and the table in one fragment."""
    show_messages()
    database = db()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.pills("Views", list(VIEWS), key="queue_view", on_change=choose_view, label_visibility="collapsed")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            clearing = st.container(width="content")
            st.selectbox(
                "Sort by",
                list(SORTS),
                key="sort",
                bind="query-params",
                format_func=SORTS.__getitem__,
                width=210,
                label_visibility="collapsed",
            )
    chosen_filter = filter_bar(database)
    with clearing:
        clear_filter()
    sort = st.session_state["sort"]
    rows, total = fetched(lambda limit, offset: page(database, chosen_filter, sort=sort, limit=limit, offset=offset))
    if not total:
        draw_nothing(chosen_filter)
        return
    tab().note_listed({row.id: row.standing for row in rows})
    above = st.container(key="above_table")
    signature = f"{chosen_filter.model_dump_json()} {sort}"
    ids = TABLE.draw(table_of(rows), signature, {**filter_parameters(chosen_filter), "order": sort})
    with above:
        if ids:
            draw_bulk(ids)
        else:
            draw_progress(chosen_filter, sort)
    pager(total)


def draw_progress(chosen: TrajectoryFilter, sort: str) -> None:
    """Draw how much of the filtered list is reviewed, with Undo and a button to the next one."""
    reviewed, total = review_progress(db(), chosen)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width=380):
            st.progress(reviewed / total if total else 0.0, text=f"{count(reviewed)} of {count(total)} reviewed")
        with st.container(horizontal=True, width="content"):
            draw_next(chosen, sort)


def draw_next(chosen: TrajectoryFilter, sort: str) -> None:
    """Draw Undo, and a button to the next trajectory without a review."""
    if button(
        "Undo",
        key="queue_undo",
        icon=":material/undo:",
        type="tertiary",
        help="Takes back your last change: a verdict for many at once, or that on one trajectory, which opens.",
    ):
        undo_here()
    if button(
        "Judge again",
        key="queue_again",
        icon=":material/gavel:",
        type="tertiary",
        help="Has the trajectories of this list judged again, as a batch of its own.",
    ):
        open_after_page(partial(judge_again, chosen, None))
        st.rerun()  # the whole page, because a fragment draws no dialog
    following = next_unreviewed(db(), chosen, None, sort=sort)
    if button(
        "Review the next one",
        key="queue_next",
        type="primary",
        icon=":material/play_arrow:",
        disabled=following is None,
    ):
        open_page("trajectory", id=following, **filter_parameters(chosen), order=sort)


def undo_here() -> None:
    """Undo the last change; when it was of a single trajectory, open that."""
    undone: tuple[ReviewEvent, ...] = ()
    with saving():
        undone = undo_last(db())
    if len(undone) == 1:
        open_page("trajectory", id=undone[0].trajectory_id, turn=undone[0].turn)
    st.rerun()


def draw_nothing(chosen: TrajectoryFilter) -> None:
    """Draw why the list is empty."""
    if chosen == TrajectoryFilter():
        empty_state(
            "Nothing to review yet",
            "Launch a batch, and its trajectories appear here as they finish.",
            icon="checklist",
            action="New batch",
            page="new-batch",
        )
    else:
        empty_state(
            "No trajectory matches these filters", "Take a filter away, or clear them all.", icon="filter_alt_off"
        )


with actions("Queue", "Trajectories to read, judge and correct."):
    pass
draw_queue()
