"""One tool: source, schema, a form to try it."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Tool", "")
empty_state(
    "No tool chosen", "Choose a domain, then one of its tools.", icon="build", action="All domains", page="domains"
)
