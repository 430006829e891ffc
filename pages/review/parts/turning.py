"""Which trajectory the review page shows when a key moves to another one while older messages are still on their way.

The browser sends its address with every message. A message from before the move names the trajectory that was left, and
obeying it would move the page back. So addresses of trajectories that were left are ignored until the browser names the
new one, or `SECONDS` have passed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from pages._ui.routes import number_parameter

Way = Literal["next", "previous", "unreviewed"]
"""A move within the list."""
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
    _write_address(number)


def shown() -> int | None:
    """Return the number of the trajectory to show, None when the address holds none."""
    number, turned = number_parameter("id"), _pending()
    if turned is None or number not in turned.left:
        return number
    _write_address(turned.to)
    return turned.to


def drawing() -> int | None:
    """Return `shown()`; call it at the start of a pass of the whole page."""
    turned = _pending()
    if turned is not None and turned.drawn and number_parameter("id") == turned.to:
        st.session_state.pop(_KEY)  # the browser names the new one
    elif turned is not None:
        turned.drawn = True
    return shown()


def _write_address(number: int) -> None:
    st.query_params["id"] = str(number)
    st.query_params.pop("turn", None)


def _pending() -> _Turned | None:
    turned: _Turned | None = st.session_state.get(_KEY)
    return turned if turned is not None and time.monotonic() - turned.at < SECONDS else None
