"""Distributions of scores, turns, tokens and cost; outcomes; breakdowns; batches side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages._ui.badges import CULPRIT, OUTCOME, STATUS
from pages._ui.database import db
from pages._ui.format import UNKNOWN, count, money, number, percent, plural, short_count
from pages._ui.layout import actions, empty_state
from pages._ui.text import literal
from pages.analyse.parts import measures
from pages.analyse.parts.charts import (
    Bars,
    bar_label,
    clickable,
    colour,
    columns_figure,
    filter_text,
    hover_text,
    rows_figure,
)
from pages.analyse.parts.compare import compare_bar
from pages.analyse.parts.measures import Series
from pages.analyse.parts.score_tables import score_table, usage_table
from storage.analysing.chart_filters import WHOLE, bin_filter, group_filter, outcome_filter
from storage.database import Database
from storage.first_path import note_seen

MOST_ROWS = 15
MEASURES = {
    "count": "Trajectories",
    "kept": "Share kept",
    "success": "Share of successes",
    "mean_reward": "Mean reward",
}
OUTCOME_COLOURS = {"success": "good", "failure": "bad", "unmeasured": "unknown"}
BESIDE = "A filter holds one score: take the filter on the other score away to open these bars."
STATUS_COLOURS = {"kept": "good", "rejected": "lost", "failed": "bad", "unmeasured": "unknown"}


@st.fragment
def draw() -> None:
    """Draw filter and charts in one fragment."""
    database = db()
    series = compare_bar(database)
    version = measures.version(database)
    frames = [measures.usage(database, one.filter, version) for one in series]
    if not any(len(frame) for frame in frames):
        empty_state("No trajectory matches these filters", "Take a filter away.", icon="filter_alt_off")
        return
    totals(database, series, frames, version)
    with st.container(border=True, key="panel_distribution"):
        distribution(database, series, version)
    left, right = st.columns([3, 2])
    with left.container(border=True, height="stretch", key="panel_breakdown"):
        breakdown(database, series, version)
    with right.container(border=True, height="stretch", key="panel_outcomes"):
        outcomes(database, series, version)
    with st.container(border=True, key="panel_scores"):
        score_table(database, series, version)
    with st.container(border=True, key="panel_usage"):
        usage_table(frames)


# ---------------------------------------------------------------- totals


def known_sum(frame: pd.DataFrame, column: str) -> float | None:
    """Return the sum of what is known, None when nothing is."""
    values = frame[column].dropna()
    return float(values.sum()) if len(values) else None


def known_cost(frame: pd.DataFrame) -> float | None:
    """Return the cost of what has a price; None where nothing that called a model has one."""
    cost = known_sum(frame, "cost_usd")
    return None if not cost and frame["unpriced"].sum() else cost


def totals(
    database: Database, series: Sequence[Series], frames: Sequence[pd.DataFrame], version: tuple[int, ...]
) -> None:
    """Draw the key figures: cards for one series, a table for several."""
    rows = [row_of_totals(database, one, frame, version) for one, frame in zip(series, frames, strict=True)]
    if len(rows) > 1:
        table = pd.DataFrame(rows).drop(columns=["unpriced"])
        columns = {
            "name": st.column_config.TextColumn("Batch", width=200, pinned=True),
            "trajectories": st.column_config.NumberColumn("Trajectories", format="localized"),
            "kept": st.column_config.ProgressColumn("Kept", min_value=0, max_value=1, format="percent"),
            "success": st.column_config.ProgressColumn("Success", min_value=0, max_value=1, format="percent"),
            "reward": st.column_config.NumberColumn("Mean reward", format="%.3f"),
            "unmeasured": st.column_config.NumberColumn("Unmeasured", format="localized"),
            "tokens": st.column_config.NumberColumn("Tokens each", format="localized"),
            "cost": st.column_config.NumberColumn("Cost", format="dollar"),
            "per_kept": st.column_config.NumberColumn("Cost per kept", format="dollar"),
        }
        st.dataframe(table, hide_index=True, column_config=columns, key="totals", alt="Key figures of each batch")
        return
    row = rows[0]
    no_model = row["tokens"] == 0 and row["cost"] == 0  # none was ever called
    with st.grid(5 if no_model else 4, min_column_width=125, gap="xsmall"):  # full rows: no figure stands alone
        st.metric("Trajectories", count(row["trajectories"]), border=True)
        st.metric("Kept", percent(row["kept"], 1), border=True)
        st.metric("Success", percent(row["success"], 1), border=True, help="Of those whose outcome was measured.")
        st.metric("Mean reward", number(row["reward"], 3), border=True, help="Over those that have a reward.")
        st.metric("Unmeasured", count(row["unmeasured"]), border=True, help="No outcome could be measured.")
        if no_model:
            return
        st.metric("Tokens each", short_count(row["tokens"]), border=True, help="Mean over all trajectories.")
        unpriced = f"{plural(row['unpriced'], 'trajectory', 'trajectories')} without a known price not included."
        st.metric("Cost", money(row["cost"]), border=True, help=unpriced if row["unpriced"] else None)
        st.metric(
            "Cost per kept",
            money(row["per_kept"]),
            border=True,
            help="What a kept trajectory cost, with all that was lost beside it.",
        )


def row_of_totals(database: Database, one: Series, frame: pd.DataFrame, version: tuple[int, ...]) -> dict[str, object]:
    """Return the key figures of a series; what is unknown is None."""
    total = int(frame["trajectories"].sum())
    by_outcome = measures.outcomes(database, one.filter, version).groupby("outcome")["count"].sum()
    measured = int(by_outcome.get("success", 0) + by_outcome.get("failure", 0))
    by = str(st.session_state.get("by") or "domain")  # cached: the breakdown below uses the same
    groups = measures.breakdown(database, one.filter, "domain" if by == "tool" else by, version)
    tokens, cost = known_sum(frame, "tokens"), known_cost(frame)
    kept = int(groups["kept"].sum())
    unpriced = int(frame["unpriced"].sum())
    return {
        "name": one.name,
        "trajectories": total,
        "kept": kept / total if total else None,
        "success": int(by_outcome.get("success", 0)) / measured if measured else None,
        "reward": measures.mean(database, one.filter, "reward", version)[0],
        "unmeasured": int(by_outcome.get("unmeasured", 0)),
        "tokens": None if tokens is None else round(tokens / total),
        "cost": cost,
        "per_kept": cost / kept if cost is not None and kept and not unpriced else None,
        "unpriced": unpriced,
    }


# ---------------------------------------------------------------- distribution


def distribution(database: Database, series: Sequence[Series], version: tuple[int, ...]) -> None:
    """Draw the histogram of the chosen number or score."""
    scores = list(dict.fromkeys(n for one in series for n in measures.summary(database, one.filter, version)["name"]))
    options = [*measures.NUMBERS, *(name for name in scores if name not in measures.NUMBERS)]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header("Distribution", anchor=False, width="content")
        value = st.selectbox(
            "Distribution of",
            options,
            key="value",
            bind="query-params",
            format_func=measures.value_name,
            width=240,
            label_visibility="collapsed",
        )
    edges = measures.edges_of(database, series, value, version)
    if not edges:
        st.caption(f"{measures.value_name(value)}: nothing was measured here, so there is nothing to draw.")
        return
    bars, notes = [], []
    for one in series:
        frame = measures.histogram(database, one.filter, value, edges, version)
        bars.append(histogram_bars(one, frame, value, share=len(series) > 1))
        notes.append(note(database, one, value, version, several=len(series) > 1))
    figure = columns_figure(
        bars,
        x=measures.value_name(value),
        y="Share of measured" if len(series) > 1 else "Trajectories",
        money=value == "cost_usd",
        share=len(series) > 1,
    )
    clickable(figure, key=f"chart_{value}", alt=f"Histogram of {measures.value_name(value)}. " + " ".join(notes))
    opening = any(text for one in bars for text in one.opens)
    click = "Click a bar to open its trajectories in the queue." if opening else BESIDE
    st.caption(literal(f"{' '.join(notes)} {click}"))


def note(database: Database, one: Series, value: str, version: tuple[int, ...], *, several: bool) -> str:
    """Say how many values a histogram holds, and their mean."""
    mean, measured = measures.mean(database, one.filter, value, version)
    text = f"mean {measures.exact(value, mean)}, {count(measured)} measured."
    return f"{one.name}: {text}" if several else text[0].upper() + text[1:]


def histogram_bars(one: Series, frame: pd.DataFrame, value: str, *, share: bool) -> Bars:
    """Return the bars of one series; shares of what was measured where several are compared."""
    measured = int(frame["count"].sum())
    at, lengths, labels, opens, hovers = [], [], [], [], []
    for position, (low, high, n) in enumerate(frame[["low", "high", "count"]].itertuples(index=False)):
        n = int(n)
        found = bin_filter(one.filter, value, low, high, last=position == len(frame) - 1) if n else None
        whole = value in WHOLE and high - low <= 1
        at.append(low if whole else (low + high) / 2)
        lengths.append((n / measured if measured else None) if share else n)
        labels.append(bar_label(n))
        opens.append(filter_text(found))
        name = f"{measures.value_name(value)} {measures.bin_name(value, low, high)}"
        hovers.append(hover_text(name, n, f"{one.name}, {percent(n / measured, 1)}" if share and measured else ""))
    return Bars(one.name, at, lengths, labels, opens, hovers)


# ---------------------------------------------------------------- outcomes


def outcomes(database: Database, series: Sequence[Series], version: tuple[int, ...]) -> None:
    """Draw how trajectories ended and who was at fault."""
    st.header("Outcome and culprit", anchor=False)
    several = len(series) > 1
    bars = []
    for one in series:
        frame = measures.outcomes(database, one.filter, version)
        total = int(frame["count"].sum())
        ends = sorted(
            ((o, measures.present(c), int(n)) for o, c, n in frame.itertuples(index=False)),
            key=lambda end: (list(OUTCOME).index(end[0]), list(CULPRIT).index(end[1])),
        )
        at = [measures.outcome_name(o, c) for o, c, _ in ends]
        bars.append(
            Bars(
                one.name,
                at,
                [n / total for *_, n in ends],
                [percent(n / total, 1) if several else f"{short_count(n)} ({percent(n / total, 1)})" for *_, n in ends],
                [filter_text(outcome_filter(one.filter, o, c)) for o, c, _ in ends],
                [hover_text(name, n, one.name if several else "") for name, (*_, n) in zip(at, ends, strict=True)],
                None if several else tuple(colour(OUTCOME_COLOURS[o]) for o, *_ in ends),
            )
        )
    figure = rows_figure(bars)
    clickable(figure, key="chart_outcomes", alt="Outcomes: " + bars_in_words(bars))


def bars_in_words(bars: Sequence[Bars]) -> str:
    """Return the numbers of a figure as a sentence, for screen readers."""
    parts = [f"{name} {label or 0}" for one in bars for name, label in zip(one.at, one.labels, strict=True)]
    return ", ".join(parts[:40]) + "."


# ---------------------------------------------------------------- breakdown


def breakdown(database: Database, series: Sequence[Series], version: tuple[int, ...]) -> None:
    """Draw the chosen measure for each value of the chosen group, and the same as a table."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header("Breakdown", anchor=False, width="content")
        with st.container(horizontal=True, width="content"):
            by = st.selectbox(
                "Break down by",
                list(measures.GROUPS),
                key="by",
                bind="query-params",
                width=140,
                format_func=lambda g: f"By {measures.GROUPS[g].lower()}",
                label_visibility="collapsed",
            )
            measure = st.selectbox(
                "Measure",
                list(MEASURES),
                key="measure",
                bind="query-params",
                format_func=MEASURES.__getitem__,
                width=180,
                label_visibility="collapsed",
            )
    frames = [measures.breakdown(database, one.filter, by, version) for one in series]
    values = list(dict.fromkeys(measures.present(v) for frame in frames for v in frame["value"]))
    shown = values[:MOST_ROWS]
    if len(series) == 1 and measure == "count":
        bars = status_bars(series[0], frames[0], by, shown)
        ends = [short_count(int(n)) for n in frames[0]["total"][: len(shown)]]
        figure = rows_figure(bars, stacked=True, end_labels=ends)
    else:
        bars = [measure_bars(one, frame, by, measure, shown) for one, frame in zip(series, frames, strict=True)]
        figure = rows_figure(bars)
    clickable(figure, key=f"chart_{by}_{measure}", alt=f"{MEASURES[measure]} by {by}: {bars_in_words(bars)}")
    if len(values) > len(shown):
        st.caption(f"The {len(shown)} largest of {len(values)} are drawn; the table below has all.")
    with st.expander("As a table", icon=":material/table:"):
        breakdown_table(series, frames, by)


def status_bars(one: Series, frame: pd.DataFrame, by: str, shown: Sequence[str | None]) -> list[Bars]:
    """Return kept, rejected, failed and unmeasured as parts of each row."""
    found = []
    for status, name in STATUS_COLOURS.items():
        lengths = [int(n) for n in frame[status][: len(shown)]]
        filters = [
            group_filter(one.filter, by, value, statuses=(status,)) if n else None
            for value, n in zip(shown, lengths, strict=True)
        ]
        at = [measures.group_name(by, value) for value in shown]
        hovers = [
            hover_text(f"{value}: {STATUS[status].word.lower()}", n) for value, n in zip(at, lengths, strict=True)
        ]
        texts = [filter_text(f) for f in filters]
        labels = [bar_label(n) for n in lengths]
        found.append(Bars(STATUS[status].word, at, lengths, labels, texts, hovers, colour(name)))
    return found


def measure_bars(one: Series, frame: pd.DataFrame, by: str, measure: str, shown: Sequence[str | None]) -> Bars:
    """Return one measure of each value; what was not measured has no bar and a dash."""
    rows = {measures.present(row.value): row for row in frame.itertuples(index=False)}
    at, lengths, labels, opens, hovers = [], [], [], [], []
    for value in shown:
        row = rows.get(value)
        length = None if row is None else measured(row, measure)
        found = group_filter(one.filter, by, value) if row is not None else None
        name = measures.group_name(by, value)
        label = UNKNOWN if length is None else in_words(length, measure)
        at.append(name)
        lengths.append(length)
        labels.append(label)
        opens.append(filter_text(found))
        hovers.append(
            hover_text(name, 0 if row is None else int(row.total), f"{one.name}: {MEASURES[measure]} {label}")
        )
    return Bars(one.name, at, lengths, labels, opens, hovers)


def measured(row: object, measure: str) -> float | None:
    """Return a measure of a breakdown row, None where it is not known."""
    if measure == "mean_reward":
        value = row.mean_reward  # type: ignore[attr-defined]
        return None if value is None or math.isnan(value) else float(value)
    if measure == "count":
        return float(row.total)  # type: ignore[attr-defined]
    return getattr(row, measure) / row.total if row.total else None  # type: ignore[attr-defined]


def in_words(value: float, measure: str) -> str:
    """Return a measure as text."""
    if measure == "count":
        return short_count(value)
    return number(value) if measure == "mean_reward" else percent(value, 1)


def breakdown_table(series: Sequence[Series], frames: Sequence[pd.DataFrame], by: str) -> None:
    """Draw all rows of the breakdown."""
    parts = []
    for one, frame in zip(series, frames, strict=True):
        part = frame.assign(
            batch=one.name,
            value=[measures.group_name(by, measures.present(v)) for v in frame["value"]],
            kept_share=frame["kept"] / frame["total"],
            success_share=frame["success"] / frame["total"],
        )
        parts.append(part)
    table = pd.concat(parts)
    columns = {
        **({"batch": st.column_config.TextColumn("Batch", width=160)} if len(series) > 1 else {}),
        "value": st.column_config.TextColumn(measures.GROUPS[by], width=180),
        "total": st.column_config.NumberColumn("Trajectories", format="localized"),
        "kept_share": st.column_config.NumberColumn("Kept", format="percent"),
        "success_share": st.column_config.NumberColumn("Success", format="percent"),
        "rejected": st.column_config.NumberColumn("Rejected", format="localized"),
        "failed": st.column_config.NumberColumn("Failed", format="localized"),
        "unmeasured": st.column_config.NumberColumn("Unmeasured", format="localized"),
        "mean_reward": st.column_config.NumberColumn("Mean reward", format="%.3f"),
    }
    st.dataframe(
        table,
        hide_index=True,
        column_config=columns,
        column_order=list(columns),
        key=f"table_{by}",
        alt=f"Trajectories by {by}",
    )


with actions("Scores", "How trajectories were judged, and what they took."):
    pass
if not measures.version(db())[0]:
    empty_state(
        "Nothing to analyse yet",
        "Launch a batch, and its scores appear here.",
        icon="bar_chart",
        action="New batch",
        page="new-batch",
    )
else:
    note_seen(db(), "scores")
    draw()
