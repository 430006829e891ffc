"""A state diff, file by file, drawn as text."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from engine.types import ABSENT, Change, StateDiff
from pages._ui.format import plural
from pages._ui.text import code_view, literal

SHOWN_LEAVES = 200
_KIND = {"added": ("add_circle", "green"), "removed": ("remove_circle", "red"), "modified": ("edit", "orange")}


def diff_view(diff: StateDiff | None, *, key: str, empty: str = "Nothing changed in the workspace.") -> None:
    """Draw what changed in the workspace; None means that it was not measured. `key` is unique on the page."""
    if diff is None:
        st.caption("The end state was not measured.")
        return
    if diff.empty and not diff.patch:
        st.caption(empty)
        return
    if diff.patch:
        code_view(diff.patch, key=f"{key}_patch", language="diff")
    for position, change in enumerate(diff.changes):
        _change(change, f"{key}_{position}", patched=bool(diff.patch))


def _change(change: Change, key: str, *, patched: bool) -> None:
    icon, colour = _KIND[change.kind]
    st.markdown(f":{colour}[:material/{icon}:] **{literal(change.path)}** {change.kind}")
    if change.leaves:
        rows = [
            {"Where": leaf.pointer or "whole text", "Before": value_text(leaf.was), "After": value_text(leaf.became)}
            for leaf in change.leaves[:SHOWN_LEAVES]
        ]
        st.dataframe(
            pd.DataFrame(rows), hide_index=True, height="content", alt=f"Changes in {change.path}", key=f"{key}_leaves"
        )
        hidden = len(change.leaves) - len(rows)
        if hidden > 0:
            st.caption(f"{plural(hidden, 'more change')} in this file.")
    elif change.text and not patched:
        code_view(change.text, key=f"{key}_text", language="diff")
    elif change.format == "binary":
        st.caption(f"Binary: {change.before_digest[:12] or 'absent'} → {change.after_digest[:12] or 'absent'}")
    if change.truncated:
        st.caption("The diff of this file was cut.")


def value_text(value: Any) -> str:
    """Return a JSON value, or ABSENT, as unambiguous text: a string is quoted where it could be taken for another value
    (the string "1" and the number 1)."""
    if value is ABSENT:
        return "absent"
    dumped = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return dumped
    return dumped if value in ("", "absent") or _is_json(value) else value


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True
