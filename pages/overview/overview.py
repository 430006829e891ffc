"""Overview: what exists, what is moving, what waits for review."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Overview", "What exists, what is moving, what waits for you.")
empty_state(
    "Nothing has been generated yet",
    "Launch a first batch: the reference teacher needs no model and no key.",
    icon="rocket_launch",
    action="New batch",
    page="new-batch",
)
