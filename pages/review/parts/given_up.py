"""The requests of a dialogue that came to nothing in the eyes of the simulated user, and those that were cut."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine.types import CUT, UNRESOLVED, Trajectory
from pages._ui.badges import words
from pages._ui.format import plural
from pages._ui.text import literal


def draw_given_up(trajectory: Trajectory) -> None:
    """Draw a line for each such request; nothing where an imported record holds something else."""
    for one in trajectory.attachments:
        if (one.kind, one.version) == (UNRESOLVED, 1):
            _unresolved(one.value)
        elif (one.kind, one.version) == (CUT, 1):
            match one.value:
                case {"requests": list() as requests}:
                    for request in requests:
                        _cut(request)


def _unresolved(value: Any) -> None:
    match value:
        case {"request": int() as request, "reason": str() as reason}:
            stays = f" It was not cut. {value['not_cut']}" if isinstance(value.get("not_cut"), str) else ""
            st.caption(
                f"Request {request} came to nothing, says the simulated user: {literal(words(reason).lower())}."
                f"{literal(stays)}"
            )


def _cut(value: Any) -> None:
    match value:
        case {"request": int() as request, "reason": str() as reason, "messages": int() as messages}:
            st.caption(
                f"Request {request} came to nothing ({literal(words(reason).lower())}). Its "
                f"{plural(messages, 'message')} were cut, and what is left was judged."
            )
