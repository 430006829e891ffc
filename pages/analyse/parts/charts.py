"""Plotly figures of aggregated numbers, whose bars open the trajectories that they count.

A figure never holds rows, only what is drawn. Each bar carries a filter as JSON (`filter_text`); `clickable` draws the
figure and, when a bar is clicked, opens those trajectories in the queue. A bar that no filter can describe has
none and opens nothing. What is not measured is left out, never drawn as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from engine.types import TrajectoryFilter
from pages._ui.filters import filter_parameters, read_filter
from pages._ui.format import count, short_count
from pages._ui.routes import open_page

LONGEST_LABEL = 28
ROW = 30
"""Pixels of one horizontal bar."""
LETTER = 7
"""Pixels that a character of a bar's label takes at most."""
_COLOURS = {"good": "greenColor", "lost": "orangeColor", "bad": "redColor", "unknown": "grayColor", "main": "blueColor"}


@dataclass(frozen=True)
class Bars:
    """One series, in lists of one entry for each bar: its place on the axis, its length, its label, the filter text of
    the trajectories that it opens ("" opens nothing), and what hovering over it says. `colour` is one for all bars or
    one for each; by default the theme's of that position."""

    name: str
    at: Sequence[str | float]
    lengths: Sequence[float | None]
    labels: Sequence[str]
    opens: Sequence[str]
    hovers: Sequence[str]
    colour: str | tuple[str, ...] | None = None


def filter_text(chosen: TrajectoryFilter | None) -> str:
    """Return a filter as the text that a bar carries; "" for None, which opens nothing."""
    return "" if chosen is None else filter_parameters(chosen).get("filter", "{}")


def colour(name: str) -> str:
    """Return a colour of the theme on screen: good, lost, bad, unknown or main."""
    return str(st.get_option(f"theme.{_theme()}.{_COLOURS[name]}"))


def series_colour(position: int) -> str:
    """Return the theme's colour of the series at this position."""
    colours = st.get_option(f"theme.{_theme()}.chartCategoricalColors")
    return str(colours[position % len(colours)])


def _ink() -> str:
    """Return the colour of the page's text, for labels."""
    return str(st.get_option(f"theme.{_theme()}.textColor"))


def _on_bar() -> str:
    """Return the colour of text inside a bar: the page's, since bars are dark on light and light on dark."""
    return str(st.get_option(f"theme.{_theme()}.backgroundColor"))


def _theme() -> str:
    return "dark" if st.context.theme.type == "dark" else "light"


def columns_figure(series: Sequence[Bars], *, x: str, y: str, money: bool = False, share: bool = False) -> go.Figure:
    """Return vertical bars over a number axis, e.g. a histogram; several series stand side by side."""
    alone = len(series) == 1
    traces = [
        {
            **_trace(one, position),
            "x": list(one.at),
            "y": list(one.lengths),
            "textposition": "outside",
            "text": list(one.labels) if alone else None,
        }
        for position, one in enumerate(series)
    ]
    layout = {
        **_layout(series, height=300),
        "barmode": "group",
        "bargap": 0.06 if alone else 0.15,
        "bargroupgap": 0.0,
        "xaxis": {"title": {"text": x}, "tickprefix": "$" if money else "", "showgrid": False, "fixedrange": True},
        "yaxis": {
            "title": {"text": y},
            "rangemode": "tozero",
            "tickformat": ".0%" if share else "~s",
            "fixedrange": True,
        },
    }
    return go.Figure({"data": traces, "layout": layout})


def rows_figure(series: Sequence[Bars], *, stacked: bool = False, end_labels: Sequence[str] = ()) -> go.Figure:
    """Return horizontal bars, one row per value with its name at the left, the first on top.

    `end_labels` stand behind the bars of a stacked figure: the totals. The margin at the right is as wide as the
    longest label, so that none is cut on a narrow page.
    """
    values = list(dict.fromkeys(value for one in series for value in one.at))
    height = 56 + ROW * len(values) if stacked or len(series) == 1 else 60 + (14 + 18 * len(series)) * len(values)
    behind = end_labels if stacked else [label for one in series for label in one.labels]
    layout = {
        **_layout(series, height=height, right=12 + LETTER * max(map(len, behind), default=0)),
        **_row_axes(values, _longest(series, stacked)),
        "barmode": "stack" if stacked else "group",
        "bargap": 0.22,
        "annotations": [
            {
                "y": value,
                "x": _end(series, value),
                "text": text,
                "showarrow": False,
                "xanchor": "left",
                "xshift": 6,
                "font": {"size": 12, "color": _ink()},
            }
            for value, text in zip(values, end_labels, strict=False)
        ],
    }
    traces = [_row_trace(one, position, stacked=stacked) for position, one in enumerate(series)]
    return go.Figure({"data": traces, "layout": layout})


def _row_trace(one: Bars, position: int, *, stacked: bool) -> dict[str, Any]:
    return {
        **_trace(one, position),
        "y": list(one.at),
        "x": list(one.lengths),
        "text": list(one.labels),
        "orientation": "h",
        "textposition": "inside" if stacked else "outside",
        "insidetextanchor": "middle",
        "constraintext": "inside",
        "insidetextfont": {"color": _on_bar()},
    }


def _row_axes(values: Sequence[str | float], longest: float) -> dict[str, Any]:
    """Return the axes of horizontal bars: the values with their names, and lengths up to the longest bar."""
    return {
        "xaxis": {
            "showgrid": False,
            "showticklabels": False,
            "zeroline": False,
            "fixedrange": True,
            "range": [0, longest or 1],
        },
        "yaxis": {
            "autorange": "reversed",
            "type": "category",
            "categoryorder": "array",
            "categoryarray": values,
            "showgrid": False,
            "tickvals": values,
            "ticktext": [short(str(v)) for v in values],
            "automargin": True,
            "ticklabelstandoff": 6,
            "fixedrange": True,
            "tickfont": {"size": 13, "color": _ink()},
        },
    }


def _end(series: Sequence[Bars], value: str | float) -> float:
    return sum(length or 0 for one in series for at, length in zip(one.at, one.lengths, strict=True) if at == value)


def _longest(series: Sequence[Bars], stacked: bool) -> float:
    if stacked:
        return max((_end(series, value) for one in series for value in one.at), default=0)
    return max((length or 0 for one in series for length in one.lengths), default=0)


def _trace(one: Bars, position: int) -> dict[str, Any]:
    shade = one.colour or series_colour(position)
    return {
        "type": "bar",
        "name": escape(one.name),
        "textangle": 0,
        "cliponaxis": False,
        "customdata": list(one.opens),
        "hovertext": list(one.hovers),
        "hoverinfo": "text",
        "textfont": {"color": _ink()},
        "marker": {"color": list(shade) if isinstance(shade, tuple) else shade},
        "selected": {"marker": {"opacity": 1}},
        "unselected": {"marker": {"opacity": 1}},
    }


def _layout(series: Sequence[Bars], *, height: int, right: int = 16) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 8, "r": right, "t": 36 if len(series) > 1 else 14, "b": 8},
        "dragmode": False,
        "showlegend": len(series) > 1,
        "clickmode": "event+select",
        "hoverlabel": {"align": "left"},
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "xanchor": "left",
            "x": 0,
            "itemclick": False,
            "itemdoubleclick": False,
            "traceorder": "normal",
        },
        "uniformtext": {"minsize": 10, "mode": "hide"},
    }


def short(text: str) -> str:
    """Return a label cut to a length that leaves room for the bars; text with markup is not cut."""
    cut = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
    return escape(cut)


def escape(text: str) -> str:
    """Return text escaped, so that Plotly shows it as it is and reads no tag in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clickable(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure; a click on a bar opens its trajectories in the queue."""
    event = st.plotly_chart(
        figure,
        key=key,
        alt=alt,
        theme="streamlit",
        on_select="rerun",
        selection_mode="points",
        config={"displayModeBar": False},
    )
    chosen = opened(event)
    if chosen is not None:
        open_page("queue", **filter_parameters(chosen))


def opened(event: object) -> TrajectoryFilter | None:
    """Return the filter of the bar that was clicked, or None."""
    points = event["selection"]["points"] if event else []  # type: ignore[index]
    for point in points:
        text = point.get("customdata")
        text = text[0] if isinstance(text, list | tuple) and text else text
        if isinstance(text, str) and text:
            return read_filter(text)
    return None


def hover_text(name: str, number: int, detail: str = "") -> str:
    """Return the hover text of a bar: a name, a count of trajectories, and a detail."""
    lines = [f"<b>{escape(name)}</b>", f"{count(number)} trajectories"]
    return "<br>".join([*lines, *([escape(detail)] if detail else [])])


def bar_label(number: float | None) -> str:
    """Return the label of a bar; "" for 0."""
    return short_count(number) if number else ""
