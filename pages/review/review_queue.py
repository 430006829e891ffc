"""The review queue: filter, sort, page, bulk verdicts."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Queue", "Trajectories waiting for a verdict.")
empty_state(
    "Nothing to review yet",
    "Launch a batch, and its trajectories appear here.",
    icon="checklist",
    action="New batch",
    page="new-batch",
)
