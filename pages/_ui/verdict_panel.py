"""The verdict on a whole trajectory: accept, reject or fix, 1-5, problem tags and a note. Every change is saved."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine.types import Review, TrajectoryFilter, Verdict
from pages._ui.badges import VERDICT
from pages._ui.data import db, saving
from pages._ui.reviewing import REVIEWER, change_review, own_review
from storage.reviews import reviews_of, tags_in_use, undo
from storage.trajectories import next_unreviewed

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
LONGEST_TAG = 40
TAGS_OFFERED = 24
BOTH = ["viewer", "panel"]
KEYS = (
    ("J / K", "next and previous turn"),
    ("Shift+J / Shift+K", "next and previous turn of the assistant"),
    ("1 to 5", "rate the turn"),
    ("A / R / F", "accept, reject or fix the turn"),
    ("Shift+A / R / F", "the same for the whole trajectory"),
    ("0", "take rating and verdict of the turn away"),
    ("U", "undo"),
    ("N / P", "next and previous trajectory"),
    ("Shift+N", "next one without a verdict"),
    ("Y", "accept and go on"),
)
_CHOICES: dict[Verdict, str] = {
    "accept": ":material/check_circle: Accept",
    "reject": ":material/cancel: Reject",
    "fix": ":material/edit: Fix",
}


def verdict_panel(number: int, chosen: TrajectoryFilter, sort: str) -> None:
    """Draw the panel. What the database holds is the truth: widgets are set from it before they are drawn."""
    review = own_review(reviews_of(db(), number), None) or Review(trajectory=number, reviewer=REVIEWER)
    keys = {name: f"{name}_{number}" for name in ("verdict", "rating", "tags", "note", "new_tag")}
    _show(keys["verdict"], review.verdict)
    _show(keys["rating"], None if review.rating is None else review.rating - 1)
    _show(keys["note"], review.note)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.segmented_control(
            "Verdict on the trajectory", list(_CHOICES), key=keys["verdict"], format_func=_CHOICES.__getitem__,
            on_change=_save, args=(number, "verdict", keys["verdict"]), label_visibility="collapsed",
        )  # fmt: skip
        st.feedback("stars", key=keys["rating"], on_change=_save, args=(number, "rating", keys["rating"]))
    _tags(number, review, keys)
    st.text_area(
        "Note", key=keys["note"], height=80, max_chars=4000, placeholder="What is wrong, or why it is good",
        on_change=_save, args=(number, "note", keys["note"]), label_visibility="collapsed",
    )  # fmt: skip
    _buttons(number, chosen, sort)
    state = VERDICT[review.verdict]
    st.caption(f":material/{state.icon}: {state.word}. Every change is saved at once.")


def _tags(number: int, review: Review, keys: dict[str, str]) -> None:
    known = list(dict.fromkeys((*review.tags, *tags_in_use(db()), *FIRST_TAGS)))[:TAGS_OFFERED]
    _show(keys["tags"], list(review.tags))
    st.pills(
        "Problems", known, key=keys["tags"], selection_mode="multi", on_change=_save,
        args=(number, "tags", keys["tags"]), format_func=str,
    )  # fmt: skip
    st.text_input(
        "Add a problem tag", key=keys["new_tag"], max_chars=LONGEST_TAG, placeholder="Another problem, then Enter",
        on_change=_add_tag, args=(number, keys["new_tag"]), label_visibility="collapsed", icon=":material/new_label:",
    )  # fmt: skip


def _buttons(number: int, chosen: TrajectoryFilter, sort: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Accept and next", key=f"accept_next_{number}", type="primary", icon=":material/done_all:",
            shortcut="Y", on_click=_accept_and_next, args=(number, chosen, sort),
        )  # fmt: skip
        st.button(
            "Undo", key=f"undo_{number}", icon=":material/undo:", on_click=_undo, args=(number,),
            help="Takes back your last change of this trajectory or one of its turns.",
        )  # fmt: skip
        with st.popover("Keys", icon=":material/keyboard:", type="tertiary"):
            st.table([{"Key": key, "Does": does} for key, does in KEYS], border="horizontal")


def _show(key: str, value: Any) -> None:
    """Set a widget from the database, and remember what it showed."""
    st.session_state[key] = value
    st.session_state[f"{key}_shown"] = value


def _save(number: int, field: str, key: str) -> None:
    value: Any = st.session_state[key]
    if value == st.session_state.get(f"{key}_shown"):
        return  # Streamlit calls this too when a value that we set comes back from the browser
    if field == "rating" and value is not None:
        value += 1
    with saving():
        change_review(db(), number, None, **{field: tuple(value) if field == "tags" else value})


def _add_tag(number: int, key: str) -> None:
    tag = " ".join(str(st.session_state[key]).split())[:LONGEST_TAG].lower()
    st.session_state[key] = ""
    if not tag:
        return
    review = own_review(reviews_of(db(), number), None)
    tags = tuple(dict.fromkeys((*(review.tags if review else ()), tag)))
    with saving():
        change_review(db(), number, None, tags=tags)


def _undo(number: int) -> None:
    with saving():
        undo(db(), number, REVIEWER)
    st.rerun(BOTH)


def _accept_and_next(number: int, chosen: TrajectoryFilter, sort: str) -> None:
    with saving():
        change_review(db(), number, None, verdict="accept")
        go_to(next_unreviewed(db(), chosen, number, sort=sort))
    st.rerun()


def go_to(number: int | None) -> None:
    """Turn the page to another trajectory; with None say that nothing is left."""
    if number is None:
        st.toast("Nothing in this list waits for a verdict any more.", icon=":material/celebration:")
        return
    st.query_params["id"] = str(number)
    st.query_params.pop("turn", None)
