"""The frame of every page: configuration, logo, menu, engine status. app.py serves this script."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from pages._shell.engine_status import engine_status
from pages._shell.frame import draw_frame
from pages._ui.buttons import begin_pass, end_pass
from pages._ui.database import draw_refusals
from pages._ui.dialogs import draw_dialog
from pages._ui.messages import show_messages
from pages._ui.routes import st_pages

draw_frame()
draw_refusals()
page = st.navigation(st_pages(), expanded=True)
engine_status()
begin_pass()
with suppress(StopException):  # a page that stops early still shows its dialog and messages
    page.run()
draw_dialog()
show_messages()
end_pass()
