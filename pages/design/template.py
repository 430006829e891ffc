"""One task template: wording, reference chain, proof."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Task template", "")
empty_state(
    "No task template chosen",
    "Choose a domain, then one of its task templates.",
    icon="assignment",
    action="All domains",
    page="domains",
)
