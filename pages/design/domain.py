"""One domain: policy, workspace, tools, templates, versions."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Domain", "")
empty_state(
    "No domain chosen", "Choose a domain from the list.", icon="account_tree", action="All domains", page="domains"
)
