"""The frame of every page: configuration, logo, menu, engine status. app.py serves this script."""

from __future__ import annotations

import streamlit as st

from pages._ui.engine_status import engine_status
from pages._ui.frame import draw_frame
from pages._ui.notices import tell
from pages._ui.routes import st_pages

draw_frame()
page = st.navigation(st_pages(), expanded=True)
engine_status()
tell()
page.run()
