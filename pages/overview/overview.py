"""The overview page: counts, running batches, alerts, and the checklist for a first run."""

from __future__ import annotations

import time

import pandas as pd
import streamlit as st

from engine.reviewing.verdicts import REVIEWED
from engine.times import NO_ANSWER
from engine.types import TrajectoryFilter
from pages._ui.badges import look
from pages._ui.buttons import button
from pages._ui.database import db
from pages._ui.filters import VIEWS, filter_parameters
from pages._ui.format import UNKNOWN, ago, count, money, percent, plural, seconds, short_count
from pages._ui.isolation import isolation_notice, until_built
from pages._ui.layout import actions
from pages._ui.messages import notice, pages_named
from pages._ui.routes import open_page, page_link
from pages._ui.table import RowsTable
from pages._ui.text import literal
from pages.overview.parts.first_path import draw_path, draw_return, follow_launch, steps
from storage.analysing.analytics import Overview, freshness, overview
from storage.database import Database
from storage.first_path import hidden
from storage.generating import batches
from storage.generating.pace import overall_rate, seconds_left
from storage.reviewing.trajectories import count as count_trajectories
from storage.reviewing.trajectories import next_unreviewed
from storage.serving import engines
from storage.serving.store import cost_of

DAY = 86_400.0
RECENT = 3 * DAY
"""A failed batch is pointed at for this many seconds."""
LISTED = 6
COLUMNS = {
    "name": st.column_config.TextColumn("Batch", width=190),
    "status": st.column_config.TextColumn("Status", width=100),
    "done": st.column_config.ProgressColumn("Progress", min_value=0, max_value=1, format="percent", width=130),
    "counts": st.column_config.TextColumn("Finished", width=110),
    "kept": st.column_config.NumberColumn("Kept", format="localized", width=80),
    "rate": st.column_config.TextColumn("Rate", width=75),
    "left": st.column_config.TextColumn("Time left", width=90),
    "cost": st.column_config.TextColumn("Cost", width=90),
    "teacher": st.column_config.TextColumn("Teacher", width=110),
}


@st.cache_data(ttl=300, max_entries=32, show_spinner=False, hash_funcs={Database: lambda database: str(database.url)})
def kept_and_reviewed(database: Database, reviewed: int, version: tuple[int, ...]) -> int:
    """Return how many kept trajectories are reviewed; the other arguments are keys of the cache: the number of
    all reviewed ones, and `freshness`, since one review may be undone while another is given."""
    if not reviewed:
        return 0
    return count_trajectories(database, TrajectoryFilter(statuses=("kept",), verdicts=REVIEWED))


def review_button(database: Database) -> None:
    """Draw the button that opens the next trajectory without a review."""
    view = VIEWS["To review"]
    following = next_unreviewed(database, view)
    if following is not None and button(
        "Next to review", key="next_to_review", type="primary", icon=":material/play_arrow:"
    ):
        open_page("trajectory", id=following, **filter_parameters(view))


# ---------------------------------------------------------------- alerts and health


def alerts(database: Database) -> None:
    """Draw what needs attention: no engine, a sandbox that does not isolate, batches that stopped."""
    engine = engines.newest(database)
    if engine is None or time.time() - engine.heartbeat_at > NO_ANSWER:
        since = f" The last heartbeat was {ago(engine.heartbeat_at)}." if engine else ""
        notice(
            "error",
            f"No engine is answering, so batches wait.{since} The studio starts one by itself; or run "
            "`python -m engine work`. Its log is under Settings.",
            icon="power_off",
        )
    elif (unisolated := isolation_notice(engine)) is not None:
        notice("warning", unisolated, icon="gpp_maybe")
    for row in stopped(database):
        draw = {"error": st.error, "warning": st.warning}.get(row.severity, st.info)
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key=f"alert_{row.id}"
        ):
            draw(
                f"**{literal(row.name)}** {'failed' if row.status == 'failed' else 'is paused'}. {literal(row.reason)}",
                icon=f":material/{look('batch', row.status).icon}:",
                width="stretch",
            )
            with st.container(horizontal=True, width="content"):
                page_link("batch", "Open", icon="arrow_forward", id=row.id)
                for named in pages_named(row.reason):
                    page_link(named.name, f"Open {named.title}", icon="arrow_forward")


def stopped(database: Database) -> list[batches.BatchRow]:
    """Return paused batches, and those that failed lately; at most three, newest first."""
    rows = batches.list_batches(database, limit=10, statuses=("failed", "paused"))
    fresh = time.time() - RECENT
    return [r for r in rows if r.status == "paused" or (r.finished_at or r.created_at) > fresh][:3]


def health(database: Database) -> None:
    """Draw the state of engine and sandbox."""
    engine = engines.newest(database)
    alive = engine is not None and time.time() - engine.heartbeat_at < NO_ANSWER
    with st.container(
        border=True, key="panel_health", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.header("Engine and sandbox", anchor=False, width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            if engine is not None and alive:
                facts = f"Heartbeat {ago(engine.heartbeat_at)}, up for {seconds(time.time() - engine.started_at)}"
                st.caption(literal(facts), width="content", help=literal(engine.detail) or None)
            if engine is None:
                st.badge("No engine yet", icon=":material/power_off:", color="gray")
            elif not alive:
                st.badge(f"Silent, {ago(engine.heartbeat_at)}", icon=":material/power_off:", color="red")
            else:
                st.badge("Engine ready", icon=":material/bolt:", color="green")
            if engine is not None and engine.isolated is not None:
                st.badge(
                    f"{literal(engine.sandbox)}, {'isolates' if engine.isolated else 'does not isolate'}",
                    icon=":material/shield:" if engine.isolated else ":material/gpp_maybe:",
                    color="green" if engine.isolated else "orange",
                )


# ---------------------------------------------------------------- numbers and batches


def numbers(database: Database, found: Overview) -> None:
    """Draw the counts."""
    waiting = max(0, found.kept - kept_and_reviewed(database, found.reviewed, freshness(database)))
    spent = cost_of(found.cost_usd, found.priced_calls, found.unpriced_calls)
    unpriced = f"{plural(found.unpriced_calls, 'model call')} without a known price not included."
    share = percent(found.kept / found.trajectories) if found.trajectories else UNKNOWN
    with st.grid(7, min_column_width=125, gap="xsmall"):
        st.metric("Domains", count(found.domains), border=True)
        st.metric("Batches", count(found.batches), border=True)
        st.metric("Trajectories", count(found.trajectories), border=True)
        st.metric("Kept", count(found.kept), border=True, help=f"{share} of all trajectories.")
        st.metric("To review", count(waiting), border=True, help="Kept, and without a verdict.")
        if found.priced_calls or found.unpriced_calls:  # else no model was ever called
            st.metric("Tokens", short_count(found.tokens), border=True)
            st.metric("Cost", money(spent), border=True, help=unpriced if found.unpriced_calls else None)


def frame(rows: list[batches.BatchRow]) -> pd.DataFrame:
    """Return batches as the table shows them, the id as index."""
    return pd.DataFrame([batch_record(row) for row in rows]).set_index("id")


def batch_record(row: batches.BatchRow) -> dict[str, object]:
    """Return one row of the table of batches."""
    p = row.progress
    rate = overall_rate(row)
    return {
        "id": row.id,
        "name": row.name,
        "status": look("batch", row.status).word,
        "done": p.finished / max(p.planned, 1),
        "counts": f"{count(p.finished)} of {count(p.planned)}",
        "kept": p.kept,
        "rate": f"{rate:.1f}/s" if rate else UNKNOWN,
        "left": seconds(seconds_left(row, rate)),
        "cost": money(row.cost_usd),
        "teacher": row.batch.teacher.name,
    }


def batch_table(database: Database, moving: bool) -> None:
    """Draw the batches that run or wait; the latest ones when none does."""
    statuses = ("queued", "running") if moving else ()
    rows = batches.list_batches(database, limit=LISTED, statuses=statuses)
    if not rows:
        return
    with st.container(border=True, key="panel_batches_now"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.header("Running now" if moving else "Latest batches", anchor=False, width="content")
            page_link("batches", "All batches", icon="stacks")
        columns = {n: column for n, column in COLUMNS.items() if moving or n not in ("rate", "left")}
        alt = "Batches that run or wait" if moving else "Latest batches"
        RowsTable("overview_batches", "batch", columns, alt).draw(frame(rows), "overview")


def live(moving: bool, kept: bool) -> None:
    """Draw the parts that change while batches run. The whole page reruns when the last one ends, or the first
    trajectory is kept."""
    database = db()
    found = overview(database)
    if (bool(found.queued + found.running), bool(found.kept)) != (moving, kept):
        st.rerun()
    with st.container():  # so that alerts that come or go move nothing below
        alerts(database)
    away = hidden(database)
    path = [] if away else steps(database, found)
    with st.container():
        if path and not all(step.done for step in path):
            draw_path(database, path)
    numbers(database, found)
    batch_table(database, moving)
    health(database)
    if away:
        draw_return(database)


follow_launch()
opening = overview(db())
with actions("Overview", "What exists, what is moving, what waits for you."):
    if opening.batches:
        page_link("new-batch", "New batch", icon="add_circle")
    review_button(db())
busy = bool(opening.queued + opening.running)
st.fragment(live, run_every=3.0 if busy or until_built() else None)(busy, bool(opening.kept))
