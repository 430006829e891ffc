"""One domain: policy, tools, templates, questions, workspace, settings, versions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from engine.domains import pack_files
from pages._ui.buttons import button
from pages._ui.database import db
from pages._ui.dialogs import open_after_page
from pages._ui.layout import actions
from pages._ui.routes import open_page, page_link, text_parameter
from pages.design.parts.domain_dialogs import new_domain
from pages.design.parts.domain_tabs import (
    draw_overview,
    draw_policy,
    draw_questions,
    draw_settings,
    draw_templates,
    draw_tools,
)
from pages.design.parts.domain_versions import draw_versions
from pages.design.parts.draft.domain_draft import open_draft
from pages.design.parts.draft.domain_editor import save_bar
from pages.design.parts.workspace.workspace_view import draw_workspace
from storage.first_path import note_seen

row, draft = open_draft(text_parameter("id"))
note_seen(db(), "look")
if made := st.session_state.pop("made_domain", None):
    open_page("domain", id=made)

with actions(row.name):
    page_link("domains", "Domains", icon="arrow_back")
    if button("Duplicate", key=f"duplicate_{row.id}", icon=":material/content_copy:"):
        open_after_page(lambda: new_domain(row.id))
    st.download_button(
        "Export",
        lambda: pack_files.to_zip(draft.base()),
        f"{row.id}-v{draft.based_on}.zip",
        "application/zip",
        key=f"export_{row.id}",
        icon=":material/download:",
        on_click="ignore",
        help=f"The saved version {draft.based_on} as a zip of plain files.",
    )
save_bar(row, draft)

TABS: dict[str, Callable[[], None]] = {
    "Overview": lambda: draw_overview(row, draft),
    "Policy": lambda: draw_policy(draft),
    "Tools": lambda: draw_tools(row, draft),
    "Templates": lambda: draw_templates(row, draft),
    "Questions": lambda: draw_questions(draft),
    "Workspace": lambda: draw_workspace(draft),
    "Settings": lambda: draw_settings(draft),
    "Versions": lambda: draw_versions(row, draft),
}
for tab, draw in zip(
    st.tabs(list(TABS), key="tab", on_change="rerun", bind="query-params"), TABS.values(), strict=True
):
    if tab.open:
        with tab:
            draw()
