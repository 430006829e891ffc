"""Every batch with its progress."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Batches", "")
empty_state(
    "No batches yet", "Launch a first batch to see it here.", icon="stacks", action="New batch", page="new-batch"
)
