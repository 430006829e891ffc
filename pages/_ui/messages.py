"""Notices inside a page, and messages that are shown by the next pass (one run of the script).

A button that acts on typed text is handled in the page, not in a callback: a callback gets the arguments of the pass
before, which lack the last edit. Such a pass often ends with a rerun, so its message is kept here for the next one.
"""

from __future__ import annotations

import re
from typing import Literal

import streamlit as st

from pages._ui.routes import ROUTES, Route, page_link

Kind = Literal["error", "warning", "info", "success"]
_MENU = {route.title: route for route in ROUTES if route.section is not None}
_NAMED = re.compile(rf"\b(?:under|in|on|of|see|open) ({'|'.join(_MENU)})\b", re.IGNORECASE)
_KEY = "notice"


def notice(kind: Kind, text: str, *, icon: str) -> None:
    """Draw a message; where it names a page of the menu ("under Settings"), with a link to it."""
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
    """Return the pages of the menu that a message names, each once, in its order."""
    found = (match[1] for match in _NAMED.finditer(text))
    return [_MENU[title] for title in dict.fromkeys(found) if title in _MENU]


def keep_message(message: str, icon: str = "check", *, stays: bool = False) -> None:
    """Keep a message for the page's next pass, where `show_messages` shows it; the newest comes last."""
    st.session_state.setdefault(_KEY, []).append((message, icon, stays))


def show_messages() -> None:
    """Show the kept messages, once. The shell calls it for every page, a fragment for its own passes."""
    for message, icon, stays in st.session_state.pop(_KEY, ()):
        st.toast(message, icon=f":material/{icon}:", duration="infinite" if stays else "short")
