"""What every page has: a title row, an empty state, and the page for a record that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from pages._ui.routes import page_link
from pages._ui.text import literal


@contextmanager
def actions(title: str, caption: str = "") -> Iterator[None]:
    """Draw the page's title row and put what is drawn inside the `with` at its right: buttons, links."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(width="content", gap=None):
            st.title(literal(title), anchor=False)
        with st.container(horizontal=True, width="content", horizontal_alignment="right", vertical_alignment="center"):
            yield
    if caption:
        st.caption(literal(caption))


def header(title: str, caption: str = "") -> None:
    """Draw the page's title, with one sentence below it."""
    st.title(literal(title), anchor=False)
    if caption:
        st.caption(literal(caption))


def empty_state(
    title: str, text: str, *, icon: str = "inbox", action: str = "", page: str = "", **parameters: Any
) -> None:
    """Say that there is nothing here yet and offer the next move: a link labelled `action` to `page`."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(f":gray[:material/{icon}:] **{literal(title)}**", width="content", text_alignment="center")
        st.caption(literal(text), width="content", text_alignment="center")
        if page:
            page_link(page, action or "Go there", icon="arrow_forward", **parameters)
        st.space("small")


def missing(what: str, page: str, label: str = "Back to the list") -> None:
    """Say that the record of the address does not exist, and end the page. `page` is the name of its list."""
    header(what.capitalize())
    empty_state(
        f"There is no such {what}",
        "It may have been deleted, or the address is cut.",
        icon="search_off",
        action=label,
        page=page,
    )
    st.stop()
