"""What the test call of a model found out, as one line of badges."""

from __future__ import annotations

import streamlit as st

from engine.planning.profile_words import profile_words
from engine.types import Profile
from pages._ui.badges import Colour
from pages._ui.engine_requests import last
from pages._ui.format import ago
from pages._ui.text import literal
from storage.database import Database
from storage.serving.requests import RequestRow

_COLOURS: dict[bool | None, Colour] = {True: "green", False: "orange", None: "gray"}
_ICONS = {True: "check", False: "priority_high", None: "info"}


def profile_badges(profile: Profile | None, key: str) -> None:
    """Draw what is known of a model; the help of each badge says what it means."""
    if profile is None:
        st.caption("Not tried yet, or changed since: a test call says what its server can do.")
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"{key}_profile"):
        for word in profile_words(profile):
            icon = f":material/{_ICONS[word.good]}:"
            st.badge(literal(word.text), icon=icon, color=_COLOURS[word.good], help=literal(word.meaning))
        st.caption(f"tried {ago(profile.made_at)}", width="content")


def tested_profile(db: Database, key: str) -> Profile | None:
    """Return the profile of the last test call that was made with the form of this key in this browser session."""
    return profile_in(last(db, f"model_{key}"))


def profile_in(answer: RequestRow | None) -> Profile | None:
    """Return the profile in the answer of a test call, None without one."""
    found = answer.result.get("profile") if answer is not None and answer.status == "done" and answer.result else None
    return None if found is None else Profile.model_validate(found)
