"""Buttons after a fault: try failed rollouts again, or go on in another sandbox."""

from __future__ import annotations

from functools import partial

import streamlit as st

from engine import plugins
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.dialogs import begin, close, dialog, finish, open_after_page, refusals, unless_done
from pages._ui.format import count, plural
from pages._ui.messages import keep_message
from pages._ui.text import literal
from pages.generate.parts.budget_form import spent_up
from storage.generating import batches, recovery

RETRY = (
    "Forgets those that could not be measured because of us or a model's server, and rolls them out again with "
    "whatever else is missing. What was reviewed stays."
)


def sandbox_of(row: batches.BatchRow) -> str:
    """Return which sandbox a batch runs in, in words, or "" before the first claim."""
    return f" · sandbox {literal(row.sandbox)}: {label(row.sandbox)}" if row.sandbox else ""


def label(name: str) -> str:
    """Return a sandbox's label for use within a sentence."""
    text = plugins.label("sandboxes", name) if name in plugins.names("sandboxes") else name
    return text[:1].lower() + text[1:].rstrip(".")


def retry_button(row: batches.BatchRow) -> None:
    """Offer to try failed rollouts again, where there are any and no engine holds the batch."""
    if row.status not in recovery.RETRIED or row.imported or not row.progress.failed:
        return
    lost = recovery.retryable(db(), row.id)
    if not lost:
        return
    spent = row.status != "done" and spent_up(row)
    button(
        f"Retry the failed ones ({count(lost)})",
        icon=":material/refresh:",
        key=f"retry_{row.id}",
        on_click=_retry,
        args=(row.id,),
        disabled=bool(spent),
        help="Its budget is spent: raise it below." if spent else RETRY,
    )


def _retry(number: int) -> None:
    with saving():
        lost = recovery.retry(db(), number)
        keep_message(f"{plural(lost, 'failed rollout', 'failed rollouts')} will be tried again")


def sandbox_button(row: batches.BatchRow) -> None:
    """Draw a button that goes on with a batch in another sandbox; it asks first."""
    others = [name for name in plugins.names("sandboxes") if name != row.sandbox]
    if row.status not in ("paused", "failed") or not row.sandbox or not row.progress.waiting or not others:
        return
    if button("Another sandbox", icon=":material/swap_horiz:", type="tertiary", key=f"sandbox_{row.id}"):
        open_after_page(partial(_ask, row, others))


def _ask(row: batches.BatchRow, others: list[str]) -> None:
    begin("sandbox")
    _confirm(row, others)


@dialog("Resume in another sandbox?")
def _confirm(row: batches.BatchRow, others: list[str]) -> None:
    """Ask before the rest of a batch runs in another sandbox, perhaps without isolation."""
    unless_done("sandbox")
    p, before = row.progress, row.sandbox or ""
    st.write(
        f"The batch began in the {literal(before)} sandbox: {label(before)}. What is finished stays as it was made; "
        f"{count(p.waiting)} of {count(p.planned)} are still to come. Every trajectory says which sandbox made it."
    )
    for name in others:
        st.write(f"**{literal(name)}**: {label(name)}.")
    with st.container(horizontal=True):
        for name in others:
            if button(f"Resume in {name}", key=f"resume_in_{name}", type="primary"):
                with refusals():
                    recovery.resume_in(db(), row.id, name)
                    finish("sandbox", f"Resuming in the {name} sandbox")
        if button("Leave it", key="keep_sandbox"):
            close()
