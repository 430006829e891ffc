"""What the shell draws around a page."""

from __future__ import annotations

import streamlit as st

from engine import settings

ASSETS = settings.ROOT / "assets"


def draw_frame() -> None:
    """Set the page configuration, the logo for the theme in use, and the engine's status in the sidebar."""
    st.set_page_config(
        page_title="Turnwright",
        page_icon=str(ASSETS / "mark.svg"),
        layout="wide",
        menu_items={"About": "Turnwright: design, generate, review, analyse and export tool-calling trajectories."},
    )
    dark = getattr(st.context.theme, "type", None) == "dark"
    st.logo(str(ASSETS / ("logo-dark.svg" if dark else "logo.svg")), size="large", icon_image=str(ASSETS / "mark.svg"))
