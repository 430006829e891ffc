"""The personas that simulated users play."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Personas", "Who the simulated users are.")
empty_state(
    "No personas yet",
    "The shipped personas are laid into the database when the studio starts.",
    icon="groups",
    action="Overview",
    page="overview",
)
