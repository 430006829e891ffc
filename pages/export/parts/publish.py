"""Push a finished export to the Hugging Face hub, which the engine does."""

from __future__ import annotations

import streamlit as st

from engine.publishing.places import HUB_TOKEN
from pages._ui.buttons import button
from pages._ui.database import db
from pages._ui.engine_requests import ask, last, poll
from pages._ui.messages import notice
from pages._ui.text import literal
from storage.exporting.exports import ExportRow


def publish(row: ExportRow) -> None:
    """Draw the form, and where the export is once it has been pushed."""
    key = f"push_{row.id}"
    with st.grid(2, min_column_width=200):
        repository = st.text_input("Repository", key=f"{key}_repository", placeholder="USER/NAME", max_chars=200)
        variable = st.text_input(
            "Token variable",
            HUB_TOKEN,
            key=f"{key}_variable",
            max_chars=100,
            help="The environment variable in which the engine finds a token that may write there; the token itself is "
            "never stored.",
        )
    public = st.checkbox("Let all see it", key=f"{key}_public", help="Otherwise a new repository is private.")
    asked = last(db(), key)
    busy = asked is not None and asked.status in ("waiting", "running")
    pressed = button("Push", key=key, icon=":material/upload:", disabled=busy or not repository.strip())
    if pressed and repository.strip() and not busy:
        wanted = {"variable": variable.strip(), "public": public}
        ask(db(), "push_export", {"path": row.path, "address": f"hf:{repository.strip()}", **wanted}, key=key)
    answer = poll(db(), key, waiting="Pushing")
    if answer is not None and answer.status == "done":
        notice("success", literal(f"It is at {answer.result['address']}"), icon="check_circle")
