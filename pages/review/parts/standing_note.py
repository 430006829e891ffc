"""The note above the verdict on a trajectory that waits for a correction."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from engine.reviewing.verdicts import awaiting, standing
from engine.types import Review, Trajectory
from pages._ui.badges import look
from pages._ui.buttons import button
from pages.review.parts.fix_form import fix_key
from pages.review.parts.redrawing import redraw
from pages.review.parts.turn_viewer import focus_turn


def standing_note(number: int, trajectory: Trajectory, reviews: Sequence[Review]) -> None:
    """Draw that exports hold the trajectory back until a correction is written, with a button that opens the form."""
    if standing(reviews) != "awaits_correction":
        return
    waiting = awaiting(reviews)
    state = look("standing", "awaits_correction")
    st.warning(
        f"**{state.word}.** {_next_move(trajectory, waiting)} Until then no export holds this trajectory.",
        icon=f":material/{state.icon}:",
    )
    correctable = [turn for turn in waiting if _is_assistant(trajectory, turn)]
    if correctable:
        button(
            f"Correct turn {correctable[0]}",
            key=f"correct_{number}_{correctable[0]}",
            icon=":material/edit:",
            on_click=_correct,
            args=(number, correctable[0]),
        )


def _next_move(trajectory: Trajectory, waiting: Sequence[int]) -> str:
    """Return a sentence on what is missing and what the reviewer can do."""
    if not waiting:
        return "It is marked Fix and no turn is corrected. Go to the turn that is wrong, press F and correct it."
    others = [turn for turn in waiting if not _is_assistant(trajectory, turn)]
    if others:
        return (
            f"Turn {others[0]} is marked Fix, but only the assistant's turns can be corrected: take the mark away (0)."
        )
    names = ", ".join(map(str, waiting))
    what = f"Turn {names} is" if len(waiting) == 1 else f"Turns {names} are"
    return f"{what} marked Fix and not corrected. Correct what is wrong, or take the mark away (0)."


def _is_assistant(trajectory: Trajectory, turn: int) -> bool:
    return turn < len(trajectory.turns) and trajectory.turns[turn].role == "assistant"


def _correct(number: int, turn: int) -> None:
    st.session_state[fix_key(number)] = turn
    focus_turn(turn)
    redraw()
