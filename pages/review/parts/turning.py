"""Which trajectory the review page shows, when a key turns the page while marks are still on their way.

The browser sends its address with every message. One that it sent before it heard of the turn names the trajectory that
was left; obeying it would turn the page back. So what was left counts as shown no more until the browser
names the new one, or `SECONDS` have passed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from pages._ui.routes import number_parameter

Way = Literal["next", "previous", "unreviewed"]
"""From a trajectory to another one of its list."""
SECONDS = 3.0
_KEY = "turned"


@dataclass
class _Turned:
    to: int
    left: set[int]
    drawn: bool = False
    at: float = field(default_factory=time.monotonic)


def turn_to(number: int) -> None:
    """Show another trajectory from now on."""
    here, before = number_parameter("id"), _pending()
    left = (before.left if before else set()) | ({here} if here is not None else set())
    st.session_state[_KEY] = _Turned(number, left - {number})
    _name(number)


def shown() -> int | None:
    """Return the number of the trajectory to show, None when the address holds none."""
    number, turned = number_parameter("id"), _pending()
    if turned is None or number not in turned.left:
        return number
    _name(turned.to)
    return turned.to


def drawing() -> int | None:
    """Return what `shown` does, at the start of a whole page."""
    turned = _pending()
    if turned is not None and turned.drawn and number_parameter("id") == turned.to:
        st.session_state.pop(_KEY)  # the browser has heard of it
    elif turned is not None:
        turned.drawn = True
    return shown()


def _name(number: int) -> None:
    st.query_params["id"] = str(number)
    st.query_params.pop("turn", None)


def _pending() -> _Turned | None:
    turned: _Turned | None = st.session_state.get(_KEY)
    return turned if turned is not None and time.monotonic() - turned.at < SECONDS else None
