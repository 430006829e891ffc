"""The yield funnel: where samples are lost and why."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Funnel", "")
empty_state(
    "Nothing to analyse yet",
    "Launch a batch, and its losses appear here.",
    icon="filter_alt",
    action="New batch",
    page="new-batch",
)
