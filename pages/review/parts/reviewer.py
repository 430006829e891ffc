"""The reviewer's name and tab, undo, and the problem tags on offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from pages._ui.format import plural
from pages._ui.messages import keep_message
from pages._ui.text import literal
from storage.database import Database
from storage.reviewing import reviews
from storage.reviewing.reviewer_tab import ReviewerTab
from storage.reviewing.reviews import ReviewEvent

REVIEWER = "me"
"""The reviewer's name. The studio has one user until it has a login."""
LONGEST_TAG = 40
LONGEST_NOTE = 4000
TAGS_OFFERED = 24
FIRST_TAGS = (
    "wrong tool",
    "wrong argument",
    "unneeded call",
    "breaks the policy",
    "made-up fact",
    "unclear answer",
    "stops early",
    "unnatural user",
)


def tag_of(text: str) -> str:
    """Return a problem tag as it is stored: small letters, single spaces."""
    return " ".join(text.split())[:LONGEST_TAG].lower()


def known_tags(db: Database, first: Iterable[str] = ()) -> list[str]:
    """Return the problem tags on offer: `first`, then those in use, then FIRST_TAGS."""
    return list(dict.fromkeys((*first, *reviews.tags_in_use(db), *FIRST_TAGS)))[:TAGS_OFFERED]


def tab() -> ReviewerTab:
    """Return the ReviewerTab of this browser session."""
    found: ReviewerTab = st.session_state.setdefault("reviewer_tab", ReviewerTab(REVIEWER))
    return found


def undo_last(db: Database) -> tuple[ReviewEvent, ...]:
    """Undo this reviewer's last change, on whatever trajectory, and show what it was. Raises Conflict."""
    events = tab().undo(db)
    keep_message(literal(undone_text(events)), "undo")
    return events


def undone_text(events: Sequence[ReviewEvent]) -> str:
    """Return what an undo reversed, in words."""
    if not events:
        return "There is nothing left to undo."
    first = events[0]
    if len(events) > 1:
        word = first.after.verdict if first.after else "verdict"
        return f"Undone: {word} of {plural(len(events), 'trajectory', 'trajectories')}."
    where = f"trajectory {first.trajectory_id}" + ("" if first.turn is None else f", turn {first.turn}")
    return f"Undone on {where}."
