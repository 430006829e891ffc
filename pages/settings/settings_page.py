"""Models, engine, sandbox, storage."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Settings", "")
empty_state(
    "No model endpoints yet",
    "The reference teacher works without one.",
    icon="settings",
    action="Overview",
    page="overview",
)
