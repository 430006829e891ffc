"""What an export changes of every trajectory beside its length: names of tools, and labels in the metadata."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from engine.types import NameStyle

NAME_STYLES: dict[NameStyle, str] = {
    "snake_case": "snake_case",
    "camel_case": "camelCase",
    "pascal_case": "PascalCase",
    "upper_case": "UPPER_CASE",
    "mixed": "One of these for each task",
    "random": "Random letters",
}


def alterations_form() -> tuple[NameStyle | None, bool]:
    """Draw the form; return (the style of other names, None for those that were called; whether labels are added)."""
    with st.expander("Tool names and labels", key="export_alterations", icon=":material/sell:"):
        left, right = st.columns(2, vertical_alignment="bottom")
        tool_names = left.selectbox(
            "Names of tools",
            get_args(NameStyle),
            None,
            key="export_tool_names",
            format_func=NAME_STYLES.__getitem__,
            placeholder="As they were called",
            help="Other names keep a model from learning names by heart. They are the same in tools, calls, results, "
            "policy and answers of one task, and follow from the seed.",
        )
        labels = right.checkbox(
            "Add labels",
            key="export_labels",
            help="In the metadata: for each answer whether it modifies, looks up or calls nothing, and the kinds of "
            "dialogue that the trajectory belongs to. The report counts where a format has no place for them.",
        )
    return tool_names, labels
