"""Conflicts between two tabs: a verdict, rating or note that another tab changed while this one changed it too.

storage/reviewing/reviewer_tab.py decides what is stored and what waits. Here the reviewer sees both and chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st

from engine.types import Review
from pages._ui.badges import look
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.format import plural
from pages._ui.messages import keep_message
from pages._ui.routes import page_link
from pages._ui.text import plain
from pages.review.parts.redrawing import redraw
from pages.review.parts.reviewer import LONGEST_NOTE, tab
from storage.reviewing.reviews import reviews_of

ROWS = 6
"""Marks of one trajectory that can be chosen one by one; all of them can be settled at once."""


@contextmanager
def announced_conflicts() -> Iterator[None]:
    """Show a message in the next pass when marks that wait for a choice were added inside the `with`."""
    before = set(tab().waiting)
    yield
    if fresh := [place for place in tab().waiting if place not in before]:
        number, turn, field = fresh[0]
        where = f"Trajectory {number}" + ("" if turn is None else f", turn {turn}")
        what = f"{where}: the {field} was" if len(fresh) == 1 else f"{where} and others: {len(fresh)} marks were"
        keep_message(f"{what} changed elsewhere. Yours waits beside the turns.", "sync_problem")


def draw_conflicts(number: int) -> None:
    """Draw the marks of this trajectory that wait for a choice, and links to others with such marks."""
    own = {(turn, field): mine for (where, turn, field), mine in tab().waiting.items() if where == number}
    stored = reviews_of(db(), number) if own else []
    marks = {}
    for (turn, field), mine in own.items():
        review = tab().own_review(stored, turn) or Review(trajectory=number, turn=turn)
        theirs = getattr(review, field)
        if field == "note":
            _draw_note(number, turn, theirs, mine)
        else:
            marks[turn, field] = (theirs, mine)
    if marks:
        _draw_marks(number, marks)
    for other in sorted({where for where, _, _ in tab().waiting} - {number}):
        page_link("trajectory", f"Trajectory {other}: changed elsewhere, choose", icon="sync_problem", id=other)


def _draw_note(number: int, turn: int | None, theirs: str, mine: str) -> None:
    with st.container(border=True, key=f"note_conflict_{number}_{turn}"):
        st.markdown(f":material/sync_problem: **The note on {_place(turn)} was changed elsewhere**")
        st.caption("Saved")
        plain(theirs, empty="Nothing: it was taken away.")
        st.caption("Yours, not saved")
        plain(mine, empty="Nothing: you took it away.")
        with st.container(horizontal=True):
            choices = {"Use mine": mine, "Keep the saved one": theirs, "Keep both": _both(theirs, mine)}
            for label, note in choices.items():
                key = f"note_{number}_{turn}_{label}"
                button(label, key=key, on_click=_settle, args=(number, turn, "note", theirs, note))


def _draw_marks(number: int, marks: Mapping[tuple[int | None, str], tuple[Any, Any]]) -> None:
    with st.container(border=True, key=f"mark_conflict_{number}"):
        title = "A mark was" if len(marks) == 1 else f"{len(marks)} marks were"
        st.markdown(f":material/sync_problem: **{title} changed elsewhere while you gave yours**")
        for (turn, field), (theirs, mine) in list(marks.items())[:ROWS]:
            st.markdown(
                f"{_place(turn).capitalize()}: {field} **{_word(field, theirs)}** is saved, yours was "
                f"**{_word(field, mine)}**."
            )
            with st.container(horizontal=True):
                for label, on_click, more in (
                    ("Use mine", _settle, (theirs, mine)),
                    ("Keep the saved one", _keep_saved, ()),
                ):
                    key = f"mark_{number}_{turn}_{field}_{label}"
                    button(label, key=key, on_click=on_click, args=(number, turn, field, *more))
        if len(marks) > ROWS:
            st.caption(f"And {plural(len(marks) - ROWS, 'more mark')}.")
        if len(marks) > 1:
            with st.container(horizontal=True):
                button("Use all mine", key=f"marks_mine_{number}", on_click=_settle_all, args=(number, dict(marks)))
                button("Keep all saved", key=f"marks_saved_{number}", on_click=_keep_all_saved, args=(number, [*marks]))


def _place(turn: int | None) -> str:
    return "the trajectory" if turn is None else f"turn {turn}"


def _word(field: str, value: Any) -> str:
    if field == "verdict":
        return look("verdict", value).word
    return f"{value} of 5" if value else "none"


def _both(theirs: str, mine: str) -> str:
    return "\n".join(note for note in (theirs, mine) if note)[:LONGEST_NOTE]


def _settle(number: int, turn: int | None, field: str, theirs: Any, chosen: Any) -> None:
    """Store the chosen value, unless the saved one has changed again."""
    with saving():
        tab().change(db(), number, turn, {field: chosen}, {field: theirs})
        tab().drop([(number, turn, field)])
    redraw()


def _settle_all(number: int, marks: Mapping[tuple[int | None, str], tuple[Any, Any]]) -> None:
    with saving(), announced_conflicts():
        for (turn, field), (theirs, mine) in marks.items():
            tab().change_or_wait(db(), number, turn, {field: mine}, {field: theirs})
    redraw()


def _keep_saved(number: int, turn: int | None, field: str) -> None:
    _keep_all_saved(number, [(turn, field)])


def _keep_all_saved(number: int, marks: list[tuple[int | None, str]]) -> None:
    tab().drop((number, turn, field) for turn, field in marks)
    redraw()
