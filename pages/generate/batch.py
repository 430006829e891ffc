"""One batch, live: progress, rate, time left, cost, losses, the latest trajectories; pause, resume, cancel."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from engine.errors import InputError
from engine.planning.batch_file import dump_batch
from engine.times import QUIET
from engine.types import SMALL_BATCH, Status, TrajectoryFilter
from pages._ui.badges import badge, badge_reference, look, mode_name, words
from pages._ui.buttons import button
from pages._ui.confirm_buttons import destroy_button
from pages._ui.database import db, saving
from pages._ui.dialogs import close, dialog, open_after_page
from pages._ui.engine_requests import engine_alive
from pages._ui.filters import filter_parameters
from pages._ui.format import UNKNOWN, ago, count, moment, money, percent, plural, seconds
from pages._ui.judge_again import judge_again
from pages._ui.layout import header, missing
from pages._ui.messages import notice
from pages._ui.routes import number_parameter, open_page, page_link
from pages._ui.table import RowsTable
from pages._ui.text import literal
from pages.generate.parts import plan_view
from pages.generate.parts.budget_form import change_form, spent_up
from pages.generate.parts.import_view import import_view
from pages.generate.parts.judging_view import agreement_view, flips_view, scores_buttons
from pages.generate.parts.pilot_view import pilot_view
from pages.generate.parts.recovery import retry_button, sandbox_button, sandbox_of
from pages.generate.parts.user_yield_view import user_yield_view
from storage.designing import domains
from storage.generating import batches, pace

MOVING = ("queued", "running")
ENDED = ("done", "failed", "cancelled")
LATEST = 12
LOST: tuple[Status, ...] = ("rejected", "failed", "unmeasured")
UNMEASURED = "A judge could not say: neither kept nor rejected, and left out of exports until it is judged again."
WAITING = {"pause": "The engine finishes what is in flight first."}
COLUMNS = {
    "task": st.column_config.TextColumn("Request", width="large"),
    "domain": st.column_config.TextColumn("Domain"),
    "mode": st.column_config.TextColumn("Mode"),
    "status": st.column_config.TextColumn("Status"),
    "reason": st.column_config.TextColumn("Reason"),
    "reward": st.column_config.NumberColumn("Reward", format="%.2f"),
    "turns": st.column_config.NumberColumn("Turns"),
}


def give(number: int, what: str) -> None:
    """Store a command for the engine."""
    with saving({"pause": "Pausing", "resume": "Resuming", "cancel": "Cancelling"}[what]):
        batches.command(db(), number, what)


def controls(row: batches.BatchRow) -> None:
    """Draw the commands that the batch's status allows.

    The row is left-aligned, so that a button that appears moves no other. Right-aligned, it would push the others
    aside, and a click on one of them would miss.
    """
    if row.status in MOVING:
        button("Pause", icon=":material/pause:", key=f"pause_{row.id}", on_click=give, args=(row.id, "pause"))
    if row.status in ("paused", "failed") and not row.imported:
        spent = spent_up(row)
        button(
            "Resume",
            icon=":material/play_arrow:",
            type="primary",
            key=f"resume_{row.id}",
            on_click=give,
            args=(row.id, "resume"),
            disabled=bool(spent),
            help=spent and "Its budget is spent: raise it below.",
        )
    if row.status in (*MOVING, "paused") and button("Cancel", icon=":material/close:", key=f"cancel_{row.id}"):
        open_after_page(partial(confirm_cancel, row.id))
    scores_buttons(row)
    if not row.rejudges:
        retry_button(row)
        sandbox_button(row)
        again_button(row)
    if row.status not in MOVING and not row.rejudges:
        page_link("new-batch", "Launch again", icon="replay", like=row.id)
    if row.status in ENDED and button(
        "Delete", icon=":material/delete:", type="tertiary", key=f"delete_{row.id}", help="With all its trajectories."
    ):
        open_after_page(partial(confirm_delete, row))


def again_button(row: batches.BatchRow) -> None:
    """Offer to judge what a batch holds again, once no engine works on it."""
    if row.status in MOVING or not row.progress.finished:
        return
    waits = row.progress.unmeasured
    label = f"Judge again ({count(waits)} unmeasured)" if waits else "Judge again"
    if button(label, icon=":material/gavel:", key=f"again_{row.id}"):
        source = None if row.imported else row.batch
        open_after_page(partial(judge_again, TrajectoryFilter(batches=(row.id,)), source, waits))


@dialog("Cancel this batch?")
def confirm_cancel(number: int) -> None:
    """Ask before the rollouts in flight are dropped."""
    st.write("What is finished stays. What is in flight is dropped, and the batch cannot be resumed.")
    with st.container(horizontal=True):
        if destroy_button("Cancel the batch", key="confirm_cancel", icon="close"):
            give(number, "cancel")
            close()
        if button("Keep it", key="keep_batch"):
            close()


@dialog("Delete this batch?")
def confirm_delete(row: batches.BatchRow) -> None:
    """Ask before trajectories and verdicts are deleted."""
    there = plural(row.progress.finished, "trajectory", "trajectories")
    st.write(f"Its {there} and every verdict on them are deleted for good.")
    st.caption("Exports that were built stay as they are.")
    with st.container(horizontal=True):
        if destroy_button("Delete the batch", key="confirm_delete"):
            gone = False
            with saving(f"{row.name} deleted"):
                batches.delete_batch(db(), row.id)
                gone = True
            if gone:
                open_page("batches")
        if button("Keep it", key="keep_deleted"):
            close()


def behind(number: int, **more: Any) -> dict[str, str]:
    """Return the address parameters that filter a page by this batch."""
    return filter_parameters(TrajectoryFilter(batches=(number,), **more))


def numbers(row: batches.BatchRow) -> None:
    """Draw progress and the counts, which always add up to what was planned."""
    p = row.progress
    st.progress(p.finished / max(p.planned, 1), text=f"{count(p.finished)} of {count(p.planned)}")
    with st.grid(6, min_column_width=130):
        st.metric("Kept", count(p.kept), border=True)
        st.metric("Rejected", count(p.rejected), border=True)
        st.metric("Failed", count(p.failed), border=True)
        st.metric("Unmeasured", count(p.unmeasured), border=True, help=UNMEASURED)
        st.metric("Running", count(p.running), border=True)
        st.metric("Waiting", count(p.waiting), border=True)
    key = f"looks_{row.id}"
    st.session_state[key] = looks = pace.recent_observations(st.session_state.get(key, ()), row, time.time())
    rate = pace.rate_now(row, looks)
    with st.grid(6, min_column_width=110):
        st.metric("Rate", f"{rate:.1f}/s" if rate else UNKNOWN, border=True)
        st.metric("Per day", count(pace.per_day(row)), border=True, help=f"Known after {seconds(pace.DAILY)} of work.")
        st.metric("Time left", seconds(pace.seconds_left(row, rate)), border=True)
        if row.batch.models or row.tokens or row.cost_usd or row.unpriced_calls:
            st.metric("Tokens", tokens(row), border=True)
            st.metric("Cost", money(row.cost_usd), border=True, help=unpriced(row))
            st.metric(
                "Cost per kept",
                money(row.cost_per_kept),
                border=True,
                help="What a kept trajectory cost, with all that was lost beside it.",
            )


def tokens(row: batches.BatchRow) -> str:
    """Return the counted tokens; a dash where servers reported none."""
    return count(row.tokens) if row.tokens or not row.unpriced_calls else UNKNOWN


def unpriced(row: batches.BatchRow) -> str | None:
    if not row.unpriced_calls:
        return None
    return f"{count(row.unpriced_calls)} model calls have no known price and are not in this sum."


def losses(row: batches.BatchRow) -> None:
    """Draw why trajectories were lost, each reason with a link to its trajectories."""
    found = batches.losses(db(), row.id)
    if not found:
        return
    st.header("Why trajectories were lost", anchor=False)
    for stage, reason, times in found:
        with st.container(horizontal=True, vertical_alignment="center"):
            share = percent(times / max(row.progress.finished, 1))
            label = f"{literal(words(reason))}: {count(times)} ({share})"
            more = {} if reason == "unknown" else {"reasons": (reason,)}
            page_link("queue", label, icon="filter_alt", **behind(row.id, statuses=LOST, **more))
            st.caption(f"at {words(stage).lower()}")


def latest(row: batches.BatchRow) -> None:
    """Draw the newest trajectories."""
    rows = batches.latest(db(), row.id, LATEST)
    if not rows:
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header("Latest trajectories", anchor=False, width="content")
        page_link("queue", "All of this batch", icon="checklist", **behind(row.id))
    shown = pd.DataFrame(
        [
            {
                "id": r.id,
                "task": r.title,
                "domain": r.domain,
                "mode": mode_name(r.mode),
                "status": look("status", r.status).word,
                "reason": words(r.reason) if r.reason else "",
                "reward": r.reward,
                "turns": r.turns,
            }
            for r in rows
        ]
    ).set_index("id")
    RowsTable("latest", "trajectory", COLUMNS, "Latest trajectories").draw(shown, f"latest:{row.id}")


def status_notice(row: batches.BatchRow) -> None:
    """Draw a notice that explains the status, where it needs one."""
    if row.reason:
        notice(row.severity, literal(row.reason), icon=row.severity)
    before = batches.ahead(db(), row)
    if row.command:
        soon = "" if before else WAITING.get(row.command, "The engine takes it up within a second.")
        st.info(f"{words(row.command)} was asked for. {soon}", icon=":material/schedule:")
    if (row.status == "queued" or row.command) and not engine_alive(db()):
        notice(
            "warning",
            "No engine is answering, so nothing happens until one does. It runs beside the studio, with its log under "
            "Settings; or start one with `python -m engine work`.",
            icon="power_off",
        )
    elif row.status == "running" and row.heartbeat_at and time.time() - row.heartbeat_at > QUIET:
        st.warning(
            f"No heartbeat since {ago(row.heartbeat_at)}. Another engine takes the batch over by itself.",
            icon=":material/heart_broken:",
        )
    elif before:
        waits_behind(before)


def waits_behind(before: list[batches.Ahead]) -> None:
    """Draw which batch a waiting one waits for, with a link. With several engines it is unknown which will be free
    first, so then only what they work on is named."""
    first, more = before[0], len(before) - 1
    ahead = f"#{first.id} {literal(first.name)} ({count(first.left)} to go)"
    if len(before) > 1 and before[1].at_work:
        sentence = (
            f"Waits for a free engine. At work are {ahead} and {plural(sum(b.at_work for b in before) - 1, 'other')}"
        )
        sooner = sum(not b.at_work for b in before)
        sentence += f"; {plural(sooner, 'other batch', 'other batches')} will be taken first." if sooner else "."
    else:
        others = f" and {plural(more, 'other batch', 'other batches')}" if more else ""
        sentence = f"Waits behind {ahead}{others}."
    st.info(
        f"{sentence} An engine works on one batch at a time, the oldest first; one with at most {SMALL_BATCH} "
        "trajectories to go is worked on beside it.",
        icon=":material/hourglass_top:",
    )
    page_link("batch", f"Open #{first.id}", icon="arrow_forward", id=first.id)


def live(number: int, was: str) -> None:
    """Draw the parts that change while the batch runs; a change of status reruns the whole page."""
    row = batches.get_batch(db(), number)
    if row.status != was:
        if row.status in ("paused", *ENDED):
            st.session_state["toast_of_batch"] = f"{row.name}: {look('batch', row.status).word.lower()}"
        st.rerun()
    with st.container():  # so that notices that come or go move nothing below
        status_notice(row)
    numbers(row)
    import_view(row.import_report)
    pilot_view(row)
    with st.container(horizontal=True):
        if row.status == "done" and row.progress.kept and not row.rejudges:
            page_link("queue", "Review", icon="checklist", **behind(number))
            page_link("scores", "Analyse", icon="bar_chart", **behind(number))
            page_link("exports", "Export", icon="download", **behind(number))
    with st.container():
        losses(row)
        user_yield_view(row.id)
    latest(row)
    flips_view(row)
    agreement_view(row)


number = number_parameter("id")
try:
    chosen = batches.get_batch(db(), number) if number is not None else missing("batch", "batches", "All batches")
except InputError:
    missing("batch", "batches", "All batches")
    raise
st.session_state.pop("like_taken", None)
if toast := st.session_state.pop("toast_of_batch", None):
    st.toast(literal(toast), icon=":material/stacks:")
header(chosen.name)
with st.container(horizontal=True, vertical_alignment="center"):
    badge("batch", chosen.status)
    if chosen.rejudges:
        st.badge(
            "judges again", icon=":material/gavel:", color="blue", help="Rolls out nothing: it judges what is stored."
        )
    else:
        badge_reference(chosen.batch.teacher.name)
    st.caption(f"Created {moment(chosen.created_at)} · worked {seconds(chosen.seconds)}{sandbox_of(chosen)}")
with st.container(horizontal=True, vertical_alignment="center", key="controls"):
    controls(chosen)
with st.container():
    change_form(chosen)
planned = None if chosen.imported or chosen.rejudges else plan_view.quotas(chosen.batch)
names = {row.id: row.name for row in domains.list_domains(db())}
with st.container():
    if planned is not None:
        plan_view.shortfalls(planned, names)
moves = chosen.status in MOVING or chosen.command is not None
looks_again = 1.0 if moves else 5.0 if chosen.status == "paused" else None
st.fragment(live, run_every=looks_again)(chosen.id, chosen.status)
if planned is not None:
    with st.expander("What was planned", icon=":material/balance:"):
        plan_view.counts(planned, names)
        plan_view.parts(planned, names)
with st.expander("What was launched", icon=":material/description:"):
    st.code(dump_batch(chosen.repeatable), language="yaml")
    versions = ", ".join(f"{share.id} {share.digest}" for share in chosen.batch.domains)
    st.caption(literal(f"Domain versions: {versions}"))
