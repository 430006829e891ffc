"""The ASGI app: the studio, start and stop of the engine, download routes. Start it with `streamlit run app.py`."""

from __future__ import annotations

import streamlit as st

from engine import settings

app = st.App(settings.ROOT / "pages" / "shell.py")
