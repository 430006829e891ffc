"""The yield funnel: how many planned rollouts came through each stage, and why the others did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages._ui.badges import words
from pages._ui.database import db
from pages._ui.format import UNKNOWN, count, percent, plural
from pages._ui.layout import actions, empty_state
from pages.analyse.parts import measures
from pages.analyse.parts.charts import Bars, clickable, colour, filter_text, hover_text, rows_figure
from pages.analyse.parts.compare import compare_bar
from pages.analyse.parts.funnel_bars import STAGES, STEPS, compared_bars, stage_bars, totals
from pages.analyse.parts.measures import Series
from storage.analysing.funnel import losses, lost_at

Loss = tuple[str, str]
"""A stage, and the reason for a loss there."""
AT = {
    "proven": "while proving",
    "rolled_out": "while rolling out",
    "rules": "by the rules",
    "state": "by the state check",
    "judged": "by a judge",
    "reviewed": "by a human",
    "accepted": "before acceptance",
    "exported": "before export",
}


@st.fragment
def draw() -> None:
    """Draw filter, funnel and reasons in one fragment."""
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
    if len(series) == 1:
        drawn = stage_bars(series[0], frames[0])
        behind = totals(frames[0])
        figure = rows_figure(drawn, stacked=True, end_labels=behind)
        in_words = ", ".join(f"{STAGES[stage]} {text}" for stage, text in zip(STEPS, behind, strict=True))
    else:
        drawn = [compared_bars(one, frame) for one, frame in zip(series, frames, strict=True)]
        figure = rows_figure(drawn)
        in_words = ", ".join(f"{name} {label}" for one in drawn for name, label in zip(one.at, one.labels, strict=True))
    clickable(figure, key="chart_funnel", alt=f"Yield funnel: {in_words}")
    if len(series) == 1:
        st.caption(summary(frames[0]))
    elif any(frame["gained"].sum() for frame in frames):
        st.caption("In brackets: those that were taken back by a human, or exported although rejected.")


def summary(frame: pd.DataFrame) -> str:
    """Return a summary in words: how much was kept, and how reviews changed that."""
    rows = frame.set_index("stage")
    planned, kept = int(rows.loc["planned", "count"]), int(rows.loc["judged", "count"])
    rejected, back = int(rows.loc["reviewed", "lost"]), int(rows.loc["reviewed", "gained"])
    text = f"{percent(kept / planned, 1)} of {plural(planned, 'planned rollout')} were kept by the judges."
    people = [f"rejected {count(rejected)} of them"] if rejected else []
    people += [f"took {count(back)} back that {'was' if back == 1 else 'were'} lost"] if back else []
    return text + (f" People {' and '.join(people)}." if people else "") + " What is kept after review can be exported."


def share_of(n: int, planned: int, *, several: bool) -> str:
    """Return a count with its share, or only the share where room is short."""
    share = percent(n / planned if planned else None, 1)
    return share if several else f"{count(n)} ({share})"


def reasons(series: Sequence[Series], frames: Sequence[pd.DataFrame]) -> None:
    """Draw why rollouts were lost, most frequent first."""
    st.header("Why they were lost", anchor=False)
    found = [{(s, r): n for s, r, n in losses(frame)} for frame in frames]
    known = [key for times in found for key in times if key[1] not in ("not_reviewed", "not_exported")]
    totals = {key: sum(times.get(key, 0) for times in found) for key in known}
    keys = sorted(totals, key=lambda key: -totals[key])[:20]
    if not keys:
        st.caption("Nothing was lost so far.")
        return
    bars = [
        reason_bars(one, times, int(frame["count"].iloc[0]), keys, several=len(series) > 1)
        for one, times, frame in zip(series, found, frames, strict=True)
    ]
    in_words = ", ".join(f"{name} {label}" for one in bars for name, label in zip(one.at, one.labels, strict=True))
    clickable(rows_figure(bars), key="chart_reasons", alt=f"Reasons for losses: {in_words}")
    st.caption("Click a bar to open its trajectories in the queue.")


def reason_bars(one: Series, lost: Mapping[Loss, int], planned: int, keys: Sequence[Loss], *, several: bool) -> Bars:
    """Return a bar for each loss of `keys`, as a share of what was planned."""
    numbers = [lost.get(key, 0) for key in keys]
    filters = [lost_at(one.filter, *key) if n else None for key, n in zip(keys, numbers, strict=True)]
    return Bars(
        one.name,
        at=[loss_name(key, keys) for key in keys],
        lengths=[n / planned if planned else None for n in numbers],
        labels=[share_of(n, planned, several=several) for n in numbers],
        opens=[filter_text(found) for found in filters],
        hovers=[
            hover_text(f"{reason_name(reason)}, {AT[stage]}", n, one.name)
            for (stage, reason), n in zip(keys, numbers, strict=True)
        ],
        colour=None if several else colour("lost"),
    )


def loss_name(key: Loss, keys: Sequence[Loss]) -> str:
    """Return the words for a reason, with its stage where another stage has the same reason."""
    alike = [reason for _, reason in keys].count(key[1]) > 1
    return f"{reason_name(key[1])}, {STAGES[key[0]].lower()}" if alike else reason_name(key[1])


def reason_name(reason: str) -> str:
    """Return the words for a reason."""
    return "No reason told" if reason == "none" else words(reason)


def table(series: Sequence[Series], frames: Sequence[pd.DataFrame]) -> None:
    """Draw each stage with what it lost, and why."""
    st.header("Stage by stage", anchor=False)
    records = [record for one, frame in zip(series, frames, strict=True) for record in stage_records(one, frame)]
    order = list(STAGES.values())
    columns = {
        "stage": st.column_config.TextColumn("Stage", width=160),
        **({"batch": st.column_config.TextColumn("Batch", width=180)} if len(series) > 1 else {}),
        "count": st.column_config.NumberColumn("Remaining", format="localized"),
        "passed": st.column_config.NumberColumn(
            "Came through", format="percent", help="Of those that came to this stage."
        ),
        "lost": st.column_config.NumberColumn("Lost", format="localized"),
        "gained": st.column_config.NumberColumn(
            "Brought in", format="localized", help="Lost before, and taken back by a human or exported all the same."
        ),
        "why": st.column_config.TextColumn("Reasons", width=260),
    }
    st.dataframe(
        pd.DataFrame(sorted(records, key=lambda record: order.index(record["stage"]))),
        hide_index=True,
        column_config=columns,
        column_order=list(columns),
        key="table_funnel",
        alt="Each stage with what it lost",
        placeholder=UNKNOWN,
        height="content",
    )


def stage_records(one: Series, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the table's rows for one funnel."""
    records: list[dict[str, Any]] = []
    before = reviewed = None
    for stage, n, lost, gained in frame[["stage", "count", "lost", "gained"]].itertuples(index=False):
        before = reviewed if stage == "exported" else before  # an export needs no acceptance
        why = [f"{reason_name(r)} {count(times)}" for s, r, times in losses(frame) if s == stage]
        records.append(
            {
                "batch": one.name,
                "stage": STAGES[stage],
                "count": int(n),
                "passed": (int(before) - int(lost)) / before if before else None,
                "lost": int(lost),
                "gained": int(gained),
                "why": ", ".join(why),
            }
        )
        before, reviewed = int(n), int(n) if stage == "reviewed" else reviewed
    return records


with actions("Funnel", "Where samples are lost, and why."):
    pass
if not any(measures.version(db())[n] for n in (0, 3)):
    empty_state(
        "Nothing to analyse yet",
        "Launch a batch, and its losses appear here.",
        icon="filter_alt",
        action="New batch",
        page="new-batch",
    )
else:
    draw()
