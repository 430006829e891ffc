"""The verdict on a whole trajectory: accept, reject or fix, 1-5, problem tags and a note. Every change is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from engine.reviewing.verdicts import standing
from engine.types import Review, TrajectoryFilter, Verdict
from pages._ui.badges import look
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.messages import keep_message
from pages._ui.text import option
from pages.review.parts.conflicts import announced_conflicts, draw_conflicts
from pages.review.parts.redrawing import redraw
from pages.review.parts.reviewer import (
    LONGEST_NOTE,
    LONGEST_TAG,
    REVIEWER,
    known_tags,
    tab,
    tag_of,
    undo_last,
)
from pages.review.parts.turn_viewer import focus_turn
from pages.review.parts.turning import Way, shown, turn_to
from storage.reviewing.reviews import ReviewEvent, reviews_of
from storage.reviewing.trajectories import neighbours, next_unreviewed

KEYS = (
    ("J / K", "next and previous turn"),
    ("Shift+J / Shift+K", "next and previous turn of the assistant"),
    ("1 to 5", "rate the turn"),
    ("A / R / F", "accept, reject or fix the turn of the assistant"),
    ("Shift+A / R / F", "the same for the whole trajectory"),
    ("0", "take rating and verdict of the turn away"),
    ("T", "tag a problem of the turn"),
    ("M", "write a note on the turn"),
    ("U", "undo your last change, wherever it was"),
    ("N / P", "next and previous trajectory"),
    ("Shift+N", "next one without a verdict"),
    ("Y", "accept and go on"),
)
_CHOICES: dict[Verdict, str] = {
    "accept": ":material/check_circle: Accept",
    "reject": ":material/cancel: Reject",
    "fix": ":material/edit: Fix",
}
_NO_MORE: dict[Way, str] = {
    "next": "This is the last one of the list.",
    "previous": "This is the first one of the list.",
    "unreviewed": "Nothing in this list waits for a verdict any more.",
}


def verdict_panel(number: int, chosen: TrajectoryFilter, sort: str) -> None:
    """Draw the panel. Widgets are set from the database before they are drawn."""
    reviews = reviews_of(db(), number)
    review = tab().own_review(reviews, None) or Review(trajectory=number, reviewer=REVIEWER)
    draw_conflicts(number)
    keys = {
        "verdict": _show(number, "verdict", review.verdict),
        "rating": _show(number, "rating", None if review.rating is None else review.rating - 1),
        "tags": _show(number, "tags", list(review.tags)),
        "note": _show(number, "note", review.note),
        "new_tag": f"new_tag_{number}",
    }
    st.caption("Whole trajectory")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.segmented_control(
            "Verdict on the trajectory",
            list(_CHOICES),
            key=keys["verdict"],
            format_func=_CHOICES.__getitem__,
            on_change=_save,
            args=(number, "verdict", keys["verdict"]),
            label_visibility="collapsed",
        )
        st.feedback("stars", key=keys["rating"], on_change=_save, args=(number, "rating", keys["rating"]))
    _tags(number, review, keys)
    st.text_area(
        "Note",
        key=keys["note"],
        height=80,
        max_chars=LONGEST_NOTE,
        placeholder="What is wrong, or why it is good",
        on_change=_save,
        args=(number, "note", keys["note"]),
        label_visibility="collapsed",
    )
    _buttons(number, chosen, sort)
    state = look("standing", standing(reviews))
    st.caption(f":material/{state.icon}: {state.word}. Every change is saved at once.")


def _tags(number: int, review: Review, keys: dict[str, str]) -> None:
    known = known_tags(db(), review.tags)
    st.pills(
        "Problems",
        known,
        key=keys["tags"],
        selection_mode="multi",
        on_change=_save,
        args=(number, "tags", keys["tags"]),
        format_func=option,
    )
    st.text_input(
        "Add a problem tag",
        key=keys["new_tag"],
        max_chars=LONGEST_TAG,
        placeholder="Another problem, then Enter",
        on_change=_add_tag,
        args=(number, keys["new_tag"]),
        label_visibility="collapsed",
        icon=":material/new_label:",
    )


def _buttons(number: int, chosen: TrajectoryFilter, sort: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        button(
            "Accept and next",
            key=f"accept_next_{number}",
            type="primary",
            icon=":material/done_all:",
            shortcut="Y",
            on_click=_accept_and_next,
            args=(number, chosen, sort),
        )
        button(
            "Undo",
            key=f"undo_{number}",
            icon=":material/undo:",
            on_click=_undo,
            args=(number,),
            help="Takes back your last change, on whatever trajectory, and goes there.",
        )
        with st.popover("Keys", icon=":material/keyboard:", type="tertiary"):
            st.table([{"Key": key, "Does": does} for key, does in KEYS], border="horizontal")


def _show(number: int, field: str, value: Any) -> str:
    """Set the widget of a field to the stored value, remember that value, and return the widget's key.

    A value that changed elsewhere (a key of the viewer, an undo, another tab) gets a new widget with a new key: the
    browser sends every widget's state with every message, and a state from before it drew the new value would count as
    a change back. A widget is never set twice, since that would revert in the browser what was just pressed there.
    """
    key = _key(number, field)
    if key in st.session_state and not _same(st.session_state[key], value):
        st.session_state[f"{field}_{number}_times"] = st.session_state.get(f"{field}_{number}_times", 0) + 1
        key = _key(number, field)
    if key not in st.session_state:
        st.session_state[key] = value
    st.session_state[f"{key}_shown"] = value
    return key


def _same(one: Any, other: Any) -> bool:
    return sorted(one) == sorted(other) if isinstance(one, list) and isinstance(other, list) else bool(one == other)


def _key(number: int, field: str) -> str:
    times = st.session_state.get(f"{field}_{number}_times", 0)
    return f"{field}_{number}_v{times}" if times else f"{field}_{number}"


def _save(number: int, field: str, key: str) -> None:
    value: Any = st.session_state[key]
    if value == st.session_state.get(f"{key}_shown"):
        return  # Streamlit calls this also when the browser returns a value that was set here
    if field in ("verdict", "rating") and _turned_away(number, "saved"):
        return
    before = st.session_state.get(f"{key}_shown")
    with saving(), announced_conflicts():
        if field == "tags":
            tab().tag(db(), number, None, {one: one in value for one in {*(before or ())} ^ {*value}})
            return
        if field == "rating":
            before, value = (None if stars is None else stars + 1 for stars in (before, value))
        elif field == "note":
            before = before or ""
        if not tab().change_or_wait(db(), number, None, {field: value}, {field: before}) or field == "verdict":
            redraw()


def _turned_away(number: int, done: str) -> bool:
    """Return whether the page shows another trajectory by now than the one whose button was pressed, and say so. A
    browser may still hold the buttons of the one that it left beside the heading of the next."""
    if number == shown():
        return False
    keep_message(f"Nothing was {done}: the page had turned away from trajectory {number}.", "block")
    return True


def _add_tag(number: int, key: str) -> None:
    tag = tag_of(str(st.session_state[key]))
    st.session_state[key] = ""
    if tag:
        with saving():
            tab().tag(db(), number, None, {tag: True})


def _undo(number: int) -> None:
    with saving():
        arrive(undo_last(db()), number)


def arrive(undone: Sequence[ReviewEvent], here: int) -> None:
    """Open the trajectory of an undone change and redraw the page."""
    if undone and here not in {event.trajectory_id for event in undone}:
        turn_to(undone[0].trajectory_id)
        if undone[0].turn is not None:
            st.query_params["turn"] = str(undone[0].turn)
        st.rerun()
    if undone and undone[0].turn is not None:
        focus_turn(undone[0].turn)
    redraw()


def _accept_and_next(number: int, chosen: TrajectoryFilter, sort: str) -> None:
    if _turned_away(number, "accepted"):
        st.rerun()
    seen = {"verdict": st.session_state.get(f"{_key(number, 'verdict')}_shown")}
    with saving(), announced_conflicts():
        if tab().change_or_wait(db(), number, None, {"verdict": "accept"}, seen):
            go("unreviewed", number, chosen, sort)
    st.rerun()


def go(way: Way, number: int, chosen: TrajectoryFilter, sort: str) -> None:
    """Move from the trajectory that the browser showed to another one of the list; show a message if there is none."""
    if way == "unreviewed":
        to = next_unreviewed(db(), chosen, number, sort=sort)
    else:
        around = neighbours(db(), chosen, number, sort=sort)
        to = around.next if way == "next" else around.previous
    if to is None:
        keep_message(_NO_MORE[way], "celebration" if way == "unreviewed" else "block")
    else:
        turn_to(to)
