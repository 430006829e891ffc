"""The yield funnel: how many planned rollouts came through each stage, and why the others did not."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages._ui import measures
from pages._ui.badges import words
from pages._ui.charts import Bars, clickable, colour, filter_text, rows_figure, tell
from pages._ui.compare import compare_bar
from pages._ui.data import db
from pages._ui.format import count, percent, plural
from pages._ui.layout import actions, empty_state
from pages._ui.measures import Series

STAGES = {
    "planned": "Planned",
    "proven": "Proven",
    "rolled_out": "Rolled out",
    "rules": "Passed the rules",
    "state": "Passed the state check",
    "judged": "Kept by the judges",
    "accepted": "Accepted by a human",
    "exported": "Exported",
}
AT = {
    "proven": "while proving",
    "rolled_out": "while rolling out",
    "rules": "by the rules",
    "state": "by the state check",
    "judged": "by a judge",
    "accepted": "before acceptance",
    "exported": "before export",
}


@st.fragment
def draw() -> None:
    """Draw filter, funnel and reasons; one interaction redraws only this."""
    database = db()
    series = compare_bar(database)
    version = measures.version(database)
    frames = [measures.funnel(database, one.filter, version) for one in series]
    if not any(int(frame["count"].iloc[0]) for frame in frames):
        empty_state("No trajectory matches these filters", "Take a filter away.", icon="filter_alt_off")
        return
    with st.container(border=True, key="panel_funnel"):
        stages(series, frames)
    left, right = st.columns([2, 3])
    with left.container(border=True, height="stretch", key="panel_reasons"):
        reasons(series, frames)
    with right.container(border=True, height="stretch", key="panel_steps"):
        table(series, frames)


def stages(series: Sequence[Series], frames: Sequence[pd.DataFrame]) -> None:
    """Draw how many came through each stage."""
    st.header("From plan to export", anchor=False)
    figure_bars = [stage_bars(one, frame, several=len(series) > 1) for one, frame in zip(series, frames, strict=True)]
    told = ", ".join(f"{name} {label}" for one in figure_bars for name, label in zip(one.at, one.labels, strict=True))
    clickable(rows_figure(figure_bars), key="chart_funnel", alt=f"Yield funnel: {told}")
    if len(series) == 1:
        frame = frames[0].set_index("stage")
        planned, kept = int(frame.loc["planned", "count"]), int(frame.loc["judged", "count"])
        st.caption(f"{percent(kept / planned, 1)} of {plural(planned, 'planned rollout')} were kept by the judges.")


def stage_bars(one: Series, frame: pd.DataFrame, *, several: bool) -> Bars:
    """Return a bar for each stage, as a share of what was planned."""
    planned = int(frame["count"].iloc[0])
    unfinished = sum(times for _, reason, times in measures.losses(frame) if reason == "not_finished")
    at, lengths, labels, opens, told = [], [], [], [], []
    for stage, n in zip(frame["stage"], (int(n) for n in frame["count"]), strict=True):
        there = n - unfinished if stage == "planned" else n
        at.append(STAGES[stage])
        lengths.append(n / planned if planned else None)
        labels.append(share_of(n, planned, several=several))
        opens.append(filter_text(measures.stage_filter(one.filter, stage)) if there else "")
        told.append(tell(STAGES[stage], there, share_told(one, n, planned, unfinished if stage == "planned" else 0)))
    return Bars(one.name, at, lengths, labels, opens, told)


def share_told(one: Series, n: int, planned: int, unfinished: int) -> str:
    """Return what hovering says of a stage's share, and of rollouts that are no trajectory yet."""
    rest = f", {plural(unfinished, 'rollout')} not finished" if unfinished else ""
    return f"{one.name}, {percent(n / planned, 1)} of planned{rest}" if planned else ""


def share_of(n: int, planned: int, *, several: bool) -> str:
    """Return a count with its share, or only the share where room is short."""
    share = percent(n / planned, 1) if planned else "–"
    return share if several else f"{count(n)} ({share})"


def reasons(series: Sequence[Series], frames: Sequence[pd.DataFrame]) -> None:
    """Draw why rollouts were lost, most frequent first."""
    st.header("Why they were lost", anchor=False)
    found = [{(s, r): n for s, r, n in measures.losses(frame)} for frame in frames]
    known = [key for losses in found for key in losses if key[1] not in ("not_reviewed", "not_exported")]
    totals = {key: sum(losses.get(key, 0) for losses in found) for key in known}
    keys = sorted(totals, key=lambda key: -totals[key])[:20]
    if not keys:
        st.caption("Nothing was lost so far.")
        return
    bars = []
    for one, losses, frame in zip(series, found, frames, strict=True):
        planned = int(frame["count"].iloc[0])
        filters = [measures.loss_filter(one.filter, *key) if losses.get(key) else None for key in keys]
        bars.append(
            Bars(
                one.name, [loss_name(key, keys) for key in keys],
                [losses.get(key, 0) / planned if planned else None for key in keys],
                [share_of(losses.get(key, 0), planned, several=len(series) > 1) for key in keys],
                [filter_text(f) if f else "" for f in filters],
                [tell(f"{reason_name(r)}, {AT[s]}", losses.get((s, r), 0), one.name) for s, r in keys],
                colour("lost") if len(series) == 1 else None,
            )
        )  # fmt: skip
    told = ", ".join(f"{name} {label}" for one in bars for name, label in zip(one.at, one.labels, strict=True))
    clickable(rows_figure(bars), key="chart_reasons", alt=f"Reasons for losses: {told}")
    st.caption("Click a bar to open its trajectories in the queue.")


def loss_name(key: tuple[str, str], keys: Sequence[tuple[str, str]]) -> str:
    """Return the words for a reason, with its stage where another stage has the same reason."""
    alike = [reason for _, reason in keys].count(key[1]) > 1
    return f"{reason_name(key[1])}, {STAGES[key[0]].lower()}" if alike else reason_name(key[1])


def reason_name(reason: str) -> str:
    """Return the words for a reason."""
    return "No reason told" if reason == "none" else words(reason)


def table(series: Sequence[Series], frames: Sequence[pd.DataFrame]) -> None:
    """Draw each stage with what it lost, and why."""
    st.header("Stage by stage", anchor=False)
    records = []
    for one, frame in zip(series, frames, strict=True):
        before = None
        for stage, n, lost, gained in frame[["stage", "count", "lost", "gained"]].itertuples(index=False):
            why = [f"{reason_name(r)} {count(times)}" for s, r, times in measures.losses(frame) if s == stage]
            records.append(
                {
                    "batch": one.name, "stage": STAGES[stage], "count": int(n),
                    "passed": (int(before) - int(lost)) / before if before else None,
                    "lost": int(lost), "gained": int(gained), "why": ", ".join(why),
                }
            )  # fmt: skip
            before = int(n)
    order = list(STAGES.values())
    columns = {
        "stage": st.column_config.TextColumn("Stage", width=160),
        **({"batch": st.column_config.TextColumn("Batch", width=180)} if len(series) > 1 else {}),
        "count": st.column_config.NumberColumn("Remaining", format="localized"),
        "passed": st.column_config.NumberColumn(
            "Came through", format="percent", help="Of those that came to this stage."
        ),
        "lost": st.column_config.NumberColumn("Lost", format="localized"),
        "why": st.column_config.TextColumn("Reasons", width=260),
        "gained": st.column_config.NumberColumn(
            "Taken back", format="localized", help="Lost before, and accepted by a human or exported all the same."
        ),
    }
    st.dataframe(
        pd.DataFrame(sorted(records, key=lambda record: order.index(record["stage"]))), hide_index=True,
        column_config=columns, column_order=list(columns), key="table_funnel",
        alt="Each stage with what it lost", placeholder="–", height="content",
    )  # fmt: skip


with actions("Funnel", "Where samples are lost, and why."):
    pass
if not any(measures.version(db())[n] for n in (0, 3)):
    empty_state(
        "Nothing to analyse yet", "Launch a batch, and its losses appear here.", icon="filter_alt", action="New batch",
        page="new-batch",
    )  # fmt: skip
else:
    draw()
