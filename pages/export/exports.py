"""Export recipes and downloads."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Exports", "Training files from reviewed trajectories.")
empty_state(
    "Nothing to export yet",
    "Launch a batch first; kept trajectories can be exported.",
    icon="download",
    action="New batch",
    page="new-batch",
)
