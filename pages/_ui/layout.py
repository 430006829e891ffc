"""Page furniture: header, notice, empty state, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import streamlit as st

from pages._ui.routes import ROUTES, Route, page_link
from pages._ui.text import literal

Kind = Literal["error", "warning", "info", "success"]
_MENU = {route.title: route for route in ROUTES if route.section is not None}
_NAMED = re.compile(rf"\b(?:under|in|on|of|see|open) ({'|'.join(_MENU)})\b", re.IGNORECASE)


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


def notice(kind: Kind, text: str, *, icon: str) -> None:
    """Draw a message; where it sends the reader to a page of the menu ("under Settings"), a link there beside it."""
    draw = {"error": st.error, "warning": st.warning, "info": st.info, "success": st.success}[kind]
    pages = pages_named(text)
    if not pages:
        draw(text, icon=f":material/{icon}:")
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        draw(text, icon=f":material/{icon}:", width="stretch")
        for route in pages:
            page_link(route.name, f"Open {route.title}", icon="arrow_forward")


def pages_named(text: str) -> list[Route]:
    """Return the pages of the menu that a message sends its reader to, each once, in its order."""
    found = (match[1] for match in _NAMED.finditer(text))
    return [_MENU[title] for title in dict.fromkeys(found) if title in _MENU]


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
