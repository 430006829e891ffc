"""The form that launches a batch."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("New batch", "Choose what to generate.")
empty_state(
    "No domain to generate from",
    "A batch needs at least one domain.",
    icon="add_circle",
    action="Domains",
    page="domains",
)
