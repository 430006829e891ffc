"""Distributions of scores, turns, tokens and cost."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Scores", "")
empty_state(
    "Nothing to analyse yet",
    "Launch a batch, and its scores appear here.",
    icon="bar_chart",
    action="New batch",
    page="new-batch",
)
