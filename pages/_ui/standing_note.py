"""Where the reviews leave a trajectory, and what it waits for: drawn above the verdict on the whole."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from engine.standing import awaiting, standing
from engine.types import Review, Trajectory
from pages._ui.badges import badge
from pages._ui.conflicts import BOTH
from pages._ui.fix_form import fix_key
from pages._ui.turn_viewer import focus_turn


def standing_note(number: int, trajectory: Trajectory, reviews: Sequence[Review]) -> None:
    """Draw the caption of the verdict on the whole with the standing, and what keeps the trajectory from exports."""
    found = standing(reviews)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption("Whole trajectory", width="content")
        badge("standing", found)
    if found != "awaits_correction":
        return
    waiting = awaiting(reviews)
    st.caption(f":orange[:material/pending_actions:] {_told(trajectory, waiting)} Until then no export holds it.")
    correctable = [turn for turn in waiting if _is_assistant(trajectory, turn)]
    if correctable:
        st.button(
            f"Correct turn {correctable[0]}", key=f"correct_{number}_{correctable[0]}", icon=":material/edit:",
            on_click=_correct, args=(number, correctable[0]),
        )  # fmt: skip


def _told(trajectory: Trajectory, waiting: Sequence[int]) -> str:
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
    st.rerun(BOTH)
