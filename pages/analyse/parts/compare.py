"""The bar above an analysis: the filter, and the batches that are compared."""

from __future__ import annotations

import streamlit as st

from pages._ui.filters import clear_filter, filter_bar
from pages.analyse.parts.measures import MOST_COMPARED, Series, batch_names, series_of
from storage.database import Database


def compare_bar(database: Database) -> list[Series]:
    """Draw the choice of batches and the filter bar; return the series, at least one."""
    names = batch_names(database)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        compared = st.multiselect(
            "Compare batches",
            list(names),
            key="compare",
            bind="query-params",
            width=480,
            format_func=lambda batch: names.get(batch, batch),
            max_selections=MOST_COMPARED,
            placeholder="Choose two or more to see them side by side",
        )
        clear_filter()
    return series_of(filter_bar(database), compared, names)
