"""What the shell draws around a page."""

from __future__ import annotations

import streamlit as st

from engine import settings

ASSETS = settings.ROOT / "assets"
_guard = st.components.v2.component("turnwright_press_guard", js=(ASSETS / "press_guard.js").read_text())


def draw_frame() -> None:
    """Set the page configuration, the styles that the theme has no option for, the logo for the theme in use,
    and the script that keeps a press whose button is replaced under the finger."""
    st.set_page_config(
        page_title="Turnwright",
        page_icon=str(ASSETS / "mark.svg"),
        layout="wide",
        menu_items={"About": "Turnwright: design, generate, review, analyse and export tool-calling trajectories."},
    )
    st.html(ASSETS / "studio.css")
    dark = getattr(st.context.theme, "type", None) == "dark"
    st.logo(str(ASSETS / ("logo-dark.svg" if dark else "logo.svg")), size="large", icon_image=str(ASSETS / "mark.svg"))
    with st.sidebar:
        _guard(key="press_guard")
