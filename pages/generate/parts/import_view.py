"""The report of an import: records read, set aside and why, changed, not carried, not exportable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from engine.importing.read import LISTED, TITLES
from pages._ui.format import count, plural
from pages._ui.text import literal


def import_view(report: Mapping[str, Any] | None) -> None:
    """Draw the report of an imported batch; nothing for None."""
    if not report:
        return
    st.header("What came in", anchor=False)
    with st.grid(4, min_column_width=110):
        st.metric("Records", count(report["rows"]), border=True)
        st.metric("Imported", count(report["imported"]), border=True)
        st.metric("Set aside", count(report["set_aside"]), border=True)
        st.metric(
            "Not all trained",
            count(report["untrained"]),
            border=True,
            help="Records with answers that the file wants untrained (weight 0, label false and their like), or that "
            "stand in a prompt. No export trains them.",
        )
    for key, title in TITLES.items():
        if report[key]:
            told = ", ".join(
                f"{name if key == 'lost' else name.replace('_', ' ')} {count(n)}" for name, n in report[key].items()
            )
            st.caption(literal(f"{title[:1].upper()}{title[1:]}: {told}"))
    _listed(f"Set aside: {plural(report['set_aside'], 'record')}", report["reasons"], "reason", "Reason")
    _listed("To know of tools and calls", report["noted"], "note", "What")


def _listed(title: str, found: list[dict[str, Any]], key: str, column: str) -> None:
    if not found:
        return
    with st.expander(title, icon=":material/list:", expanded=key == "reason"):
        rows = pd.DataFrame([{"Line": one["line"], column: one[key]} for one in found])
        st.dataframe(
            rows,
            hide_index=True,
            height="content",
            alt=title,
            column_config={
                "Line": st.column_config.NumberColumn(width=70),
                column: st.column_config.TextColumn(width="large"),
            },
        )
        if len(found) == LISTED:
            st.caption(f"The first {LISTED} are listed; the counts above are of all.")
