"""What the launch form was filled with at first, and its edits since.

Both are kept in the browser session, also while other pages are visited. Keys of the form's widgets start with
`batch_`. `start_from` fills the form from a batch, `start_anew` empties it; `base()` is the batch that it began with.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import streamlit as st

from engine.types import Batch, DomainShare

BASE = "base_batch"
OLD_PLAN = "batch_old_plan"
BEGAN = "form_began"
USUAL = Batch(name="batch", domains=(DomainShare(id="none"),))
"""The values of an empty form."""


def base() -> Batch | None:
    """Return the batch that the form was filled from, or None for an empty form."""
    found: Batch | None = st.session_state.get(BASE)
    return found


def start_from(batch: Batch, repeat: bool = False) -> None:
    """Fill the form from a batch; with `repeat` in its own plan version. Call it before the form is drawn, or in a
    callback."""
    start_anew()
    st.session_state[BASE] = batch
    st.session_state[OLD_PLAN] = repeat


def start_anew() -> None:
    """Empty the form. Call it before the form is drawn, or in a callback."""
    st.session_state.pop(BASE, None)
    st.session_state.pop(BEGAN, None)
    for key in [k for k in st.session_state if str(k).startswith("batch_")]:
        del st.session_state[key]


def note_began() -> None:
    """Remember the first values of the form, once; call it after the form is drawn."""
    if BEGAN not in st.session_state:
        st.session_state[BEGAN] = deepcopy(_typed())


def edited() -> bool:
    """Return whether anything was typed since the form was filled or emptied."""
    began: dict[str, Any] = st.session_state.get(BEGAN, {})
    return any(key in began and began[key] != value for key, value in _typed().items())


def _typed() -> dict[str, Any]:
    return {str(key): value for key, value in st.session_state.items() if str(key).startswith("batch_")}


def kept(key: str, value: Any) -> dict[str, Any]:
    """Return the arguments of a widget that starts with `value` and keeps its edits for the browser session."""
    st.session_state.setdefault(key, value)
    return {"key": key, "persist_state": "session"}


def among(key: str, value: Any, options: list[Any]) -> dict[str, Any]:
    """Return the same for a choice; one that is no longer offered falls back to `value`."""
    if st.session_state.get(key, value) not in options:
        st.session_state.pop(key, None)
    return kept(key, value if value in options else options[0])


def several(key: str, values: list[Any], options: list[Any]) -> dict[str, Any]:
    """Return the same for several choices, without those that are no longer offered."""
    held = st.session_state.get(key)
    if held is not None and any(one not in options for one in held):
        st.session_state[key] = [one for one in held if one in options]
    return kept(key, [one for one in values if one in options])
