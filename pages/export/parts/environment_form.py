"""The part of the exports page that makes runnable environments of proven tasks."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine.environments.package import frameworks, label
from pages._ui.buttons import button
from pages._ui.database import db
from pages._ui.engine_requests import ask, poll
from pages._ui.format import bytes_size
from pages._ui.text import literal
from pages.export.parts.downloads import environment_url
from storage.designing.domains import list_domains
from storage.generating.batches import BatchRow, list_batches

KEY = "environment"
MOST = 1000
"""Tasks that can be asked for here; the command line takes more."""


def draw_environments() -> None:
    """Draw the form, and below it the package that was asked for last."""
    st.caption(
        "A domain's proven tasks as a package in which other programs train and evaluate an agent. It runs the tools, "
        "plays the user and computes the rewards as a batch does, without a model. Before it is offered it is run "
        "here: the reference must earn the full reward and must not without its writes, and dialogues of the batch "
        "must earn what they earned."
    )
    payload = _form()
    pressed = button(
        "Make the package", key="make_environment", icon=":material/deployed_code:", disabled=payload is None
    )
    if pressed and payload is not None:
        ask(db(), "make_environment", payload, key=KEY)
    _answer()


def _form() -> dict[str, Any] | None:
    """Draw the form and return the request, None where nothing can be packaged."""
    with st.grid(4, min_column_width=170):
        framework = st.selectbox("For", frameworks(), key="environment_for", format_func=_title)
        source = st.selectbox("Tasks", ["Planned anew", "Of a batch"], key="environment_source")
        if source == "Of a batch":
            rows = [row for row in list_batches(db()) if not row.imported and not row.rejudges]
            chosen = st.selectbox("Batch", rows, key="environment_batch", format_func=_batch_title)
            if chosen is None:
                return None
            shares = [share.id for share in chosen.batch.domains]
            domain = st.selectbox("Domain", shares, key=f"environment_domain_{chosen.id}")
            return {"framework": framework, "batch": chosen.id, "domain": domain, "tasks": 1, "seed": 0}
        ready = [row.id for row in list_domains(db()) if not row.lacks]
        domain = st.selectbox("Domain", ready, key="environment_domain")
        tasks = st.number_input("Tasks to plan", 1, MOST, 50, key="environment_tasks")
        seed = st.number_input("Seed of the tasks", 0, 2**31, 0, key="environment_seed")
    if domain is None:
        return None
    return {"framework": framework, "batch": None, "domain": domain, "tasks": int(tasks), "seed": int(seed)}


def _title(framework: str) -> str:
    return label(framework).partition(":")[0]


def _batch_title(row: BatchRow) -> str:
    return f"{row.id} {row.name}"


def _answer() -> None:
    """Draw the package once it is made, or why there is none."""
    row = poll(db(), KEY, waiting="Proving the tasks and running the package")
    if row is None or row.status != "done":
        return
    with st.container(border=True, key="environment_made"):
        for line in row.result["lines"]:
            st.caption(literal(f"{line[0].upper()}{line[1:]}"))
        size = bytes_size(row.result["size"])
        st.link_button(f"Download ({size})", environment_url(row.id), icon=":material/download:")
