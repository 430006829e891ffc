"""Requests to the engine for what a page may not do itself (use a sandbox or a model).

`ask` in a callback writes the request and remembers its number under a key of this browser session; `poll` in the page
draws a line that polls each second, and returns the request once it is finished.
"""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from engine.times import NO_ANSWER
from pages._ui.format import seconds
from pages._ui.messages import notice
from pages._ui.text import literal
from storage.database import Database
from storage.serving import engines, requests
from storage.serving.requests import RequestRow

SLOW = 3.0
"""Seconds without a claim after which the page checks whether an engine is alive."""


def ask(db: Database, kind: str, payload: dict[str, Any], *, key: str) -> None:
    """Submit a request and remember it under `key`; a later `ask` with the same key replaces it."""
    st.session_state[_name(key)] = requests.submit(db, kind, payload)


def forget(key: str) -> None:
    """Drop the request remembered under `key`."""
    st.session_state.pop(_name(key), None)


def poll(db: Database, key: str, *, waiting: str = "Waiting for the engine") -> RequestRow | None:
    """Return the request of `key` once it is done or failed; until then draw the line that polls, and return None.

    None too when nothing was asked. A failed request is drawn as an error with its message and returned.
    """
    row = last(db, key)
    if row is None:
        return None
    if row.status in ("waiting", "running"):
        _wait(db, row.id, waiting)
        return None
    if row.status == "failed":
        notice("error", literal(row.error or "The engine could not do it."), icon="error")
    return row


def last(db: Database, key: str) -> RequestRow | None:
    """Return the request of `key` in its present state and draw nothing; None when nothing was asked."""
    number = st.session_state.get(_name(key))
    return requests.get_request(db, number) if number is not None else None


def _name(key: str) -> str:
    return f"request_{key}"


@st.fragment(run_every=1.0)
def _wait(db: Database, number: int, waiting: str) -> None:
    row = requests.get_request(db, number)
    if row is None or row.status in ("done", "failed"):
        st.rerun()
    age = time.time() - row.created_at
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(":material/hourglass_top:", width="content")
        st.caption(f"{waiting}: {seconds(max(age, 0.0))}", width="content")
    if row.status == "waiting" and age > SLOW and not engine_alive(db):
        notice(
            "warning",
            "The engine is not answering. It starts with the studio; see Settings, or start one with "
            "`python -m engine work`.",
            icon="power_off",
        )


def engine_alive(db: Database) -> bool:
    """Return whether an engine has given a heartbeat lately."""
    row = engines.newest(db)
    return row is not None and time.time() - row.heartbeat_at < NO_ANSWER
