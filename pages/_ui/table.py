"""A table that is paged in SQL: only one page is sent to the browser, and the selection is kept by id.

Draw it inside an `st.fragment`. Page and page size live in the address (`page`, `size`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
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
    """Return the part of the list that the address names. Draw the `pager` later."""
    size = st.session_state.get("size") or _from_address("size", 50)
    number = st.session_state.get("page") or _from_address("page", 1)
    size = size if size in SIZES else 50
    return Window(size, (max(1, int(number)) - 1) * size)


def fetched(fetch: Callable[[int, int], tuple[list[Row], int]]) -> tuple[list[Row], int]:
    """Return (rows on screen, total) of `fetch(limit, offset)`; beyond the last page, the last page."""
    part = window()
    rows, total = fetch(part.limit, part.offset)
    if not rows and total:
        st.session_state["page"] = -(-total // part.limit)
        rows, total = fetch(part.limit, window().offset)
    return rows, total


def _from_address(name: str, default: int) -> int:
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


@dataclass(frozen=True)
class RowsTable:
    """A table whose rows each open a page.

    `key` names the table and its selection in the browser session, `page` is the page that a row opens, `columns` are
    Streamlit's columns in their order, `alt` describes the table. Rows of a `selectable` one can be ticked.
    """

    key: str
    page: str
    columns: Mapping[str, Any]
    alt: str
    selectable: bool = False

    def draw(self, rows: pd.DataFrame, signature: str, parameters: Mapping[str, Any] | None = None) -> list[int]:
        """Draw one page of rows, each with a button that opens its page; return the ids selected on all pages.

        `rows` has the ids as its index. `signature` names the list (filter and order): when it changes, the selection
        is emptied. `parameters` are further address parameters for a row's page.
        """
        chosen = self._chosen(signature)
        ids = [int(i) for i in rows.index]
        cleared = st.session_state.get(f"{self.key}_cleared", 0)
        grid = f"{self.key}_{abs(hash((signature, tuple(ids), cleared))) % 10**12}"
        opened = f"{self.key}_open"
        ticks = partial(self._take_ticks, grid, ids, cleared)
        ticked = {"selection": {"rows": [n for n, i in enumerate(ids) if i in chosen]}}
        with st.container(key=f"paged_{self.key}"):
            st.dataframe(
                rows.assign(open=":material/open_in_full: Open"),
                key=grid,
                hide_index=True,
                height="content" if len(ids) <= ROWS_IN_VIEW else (ROWS_IN_VIEW + 1) * ROW_HEIGHT,
                column_config={
                    **self.columns,
                    "open": st.column_config.ButtonColumn("Open", key=opened, type="tertiary", width=90, pinned=True),
                },
                column_order=["open", *[name for name in self.columns if name in rows.columns]],
                on_select=ticks if self.selectable else "ignore",
                selection_mode="multi-row" if self.selectable else [],
                selection_default=ticked if self.selectable else None,
                alt=self.alt,
                placeholder=UNKNOWN,
            )
        click = st.session_state.get(opened)
        if click and click["row"] < len(ids):
            open_page(self.page, id=ids[click["row"]], **(parameters or {}))
        return sorted(chosen)

    def choose_none(self, but: Iterable[int] = ()) -> None:
        """Deselect all rows but these. The grid gets a new key, because Streamlit keeps the ticks of a key."""
        held: tuple[str, set[int]] | None = st.session_state.pop(f"{self.key}_chosen", None)
        if held:
            st.session_state[f"{self.key}_chosen"] = (held[0], held[1] & set(but))
        st.session_state[f"{self.key}_cleared"] = st.session_state.get(f"{self.key}_cleared", 0) + 1

    def _chosen(self, signature: str) -> set[int]:
        held: tuple[str, set[int]] | None = st.session_state.get(f"{self.key}_chosen")
        if held is None or held[0] != signature:
            held = (signature, set())
            st.session_state[f"{self.key}_chosen"] = held
        return held[1]

    def _take_ticks(self, grid: str, ids: list[int], cleared: int) -> None:
        """Add the ticks of a grid to the selection, unless a click in the same message has emptied it."""
        if cleared != st.session_state.get(f"{self.key}_cleared", 0):
            return
        held: tuple[str, set[int]] = st.session_state[f"{self.key}_chosen"]
        rows = st.session_state[grid]["selection"]["rows"]
        chosen = (held[1] - set(ids)) | {ids[row] for row in rows if row < len(ids)}
        st.session_state[f"{self.key}_chosen"] = (held[0], chosen)
