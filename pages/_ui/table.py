"""A table that is paged in SQL: one page travels to the browser, and what is chosen is kept by id.

Draw it inside an `st.fragment`. Page and page size live in the address (`page`, `size`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from pages._ui.format import UNKNOWN, count
from pages._ui.routes import open_page

Row = TypeVar("Row")
SIZES = (25, 50, 100)
ROW_HEIGHT = 33
ROWS_IN_VIEW = 25


@dataclass(frozen=True)
class Window:
    """The part of a list that is on screen."""

    limit: int
    offset: int


def window() -> Window:
    """Return the part of the list that the address asks for; draw the list's `pager` with the same total later."""
    size = st.session_state.get("size") or _asked("size", 50)
    number = st.session_state.get("page") or _asked("page", 1)
    size = size if size in SIZES else 50
    return Window(size, (max(1, int(number)) - 1) * size)


def fetched(fetch: Callable[[int, int], tuple[list[Row], int]]) -> tuple[list[Row], int]:
    """Return the rows on screen and the total, as `fetch(limit, offset)` gives them; at most the last page."""
    part = window()
    rows, total = fetch(part.limit, part.offset)
    if not rows and total:
        st.session_state["page"] = -(-total // part.limit)
        rows, total = fetch(part.limit, window().offset)
    return rows, total


def _asked(name: str, default: int) -> int:
    text = str(st.query_params.get(name, "")).removesuffix(" rows")  # an address holds a choice as its label
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def pager(total: int, noun: str = "trajectories") -> None:
    """Draw page numbers, page size and the total."""
    size = window().limit
    pages = max(1, -(-total // size))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="pager"):
        st.caption(f"{count(total)} {noun}", width="content")
        st.pagination(pages, key="page", bind="query-params")
        st.selectbox(
            "Rows per page",
            SIZES,
            index=1,
            key="size",
            bind="query-params",
            label_visibility="collapsed",
            width=110,
            format_func=lambda n: f"{n} rows",
            on_change=_back_to_first,
        )


def _back_to_first() -> None:
    st.session_state["page"] = 1


def rows_table(
    rows: pd.DataFrame,
    *,
    key: str,
    signature: str,
    page: str,
    columns: dict[str, Any],
    selectable: bool = False,
    alt: str = "",
    parameters: Callable[[], dict[str, Any]] = dict,
) -> list[int]:
    """Draw one page of rows, with a button that opens a row's detail page; return the ids chosen on all pages.

    `rows` has the ids as its index. `signature` names the list (filter and order): when it changes, nothing stays
    chosen. `page` is the detail page's name, `parameters` gives further address parameters for it.
    """
    chosen = _chosen(key, signature)
    ids = [int(i) for i in rows.index]
    shown = rows.assign(open=":material/open_in_full: Open")
    cleared = st.session_state.get(f"{key}_cleared", 0)
    grid = f"{key}_{abs(hash((signature, tuple(ids), cleared))) % 10**12}"
    opened = f"{key}_open"
    with st.container(key=f"paged_{key}"):
        st.dataframe(
            shown,
            key=grid,
            hide_index=True,
            height="content" if len(ids) <= ROWS_IN_VIEW else (ROWS_IN_VIEW + 1) * ROW_HEIGHT,
            column_config={
                **columns,
                "open": st.column_config.ButtonColumn("Open", key=opened, type="tertiary", width=90, pinned=True),
            },
            column_order=["open", *[c for c in columns if c in shown.columns]],
            on_select=(lambda: _choose(key, grid, ids, cleared)) if selectable else "ignore",
            selection_mode="multi-row" if selectable else [],
            selection_default={"selection": {"rows": [n for n, i in enumerate(ids) if i in chosen]}}
            if selectable
            else None,
            alt=alt or f"{len(ids)} rows",
            placeholder=UNKNOWN,
        )
    click = st.session_state.get(opened)
    if click and click["row"] < len(ids):
        open_page(page, id=ids[click["row"]], **parameters())
    return sorted(chosen)


def forget_chosen(key: str, but: Iterable[int] = ()) -> None:
    """Choose nothing `but` these in the table `key`; its grid is drawn anew, because a grid keeps its own ticks."""
    held: tuple[str, set[int]] | None = st.session_state.pop(f"{key}_chosen", None)
    if held:
        st.session_state[f"{key}_chosen"] = (held[0], held[1] & set(but))
    st.session_state[f"{key}_cleared"] = st.session_state.get(f"{key}_cleared", 0) + 1


def _chosen(key: str, signature: str) -> set[int]:
    held: tuple[str, set[int]] | None = st.session_state.get(f"{key}_chosen")
    if held is None or held[0] != signature:
        held = (signature, set())
        st.session_state[f"{key}_chosen"] = held
    return held[1]


def _choose(key: str, grid: str, ids: list[int], cleared: int) -> None:
    """Take over the ticks of a grid, unless all were forgotten by a click that came in the same message."""
    if cleared != st.session_state.get(f"{key}_cleared", 0):
        return
    held: tuple[str, set[int]] = st.session_state[f"{key}_chosen"]
    rows = st.session_state[grid]["selection"]["rows"]
    chosen = (held[1] - set(ids)) | {ids[row] for row in rows if row < len(ids)}
    st.session_state[f"{key}_chosen"] = (held[0], chosen)
