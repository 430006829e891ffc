"""The list of domains."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Domains", "A domain is a policy, tools, a workspace of files and task templates.")
empty_state(
    "No domains yet",
    "The shipped domains are laid into the database when the studio starts.",
    icon="account_tree",
    action="Overview",
    page="overview",
)
