"""The result of replaying a corrected call: which later turns still follow from it, and where exports end."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from engine.reviewing.replay import Replay
from pages._ui.diff_view import value_text


def draw_replay(found: Replay, turns: int, key: str) -> int | None:
    """Draw a replay of a dialogue of `turns` messages.

    Returns the first turn that exports leave out, None when all later turns still follow.
    """
    if found.unsteady is not None:
        st.info(
            f"Even without this correction, turn {found.unsteady} does not answer again as recorded (a tool that "
            "depends on a model, or on another correction). Compare with care.",
            icon=":material/casino:",
        )
    if not found.diverges:
        st.success(
            "The answers, the workspace and all later results are as recorded: what follows still fits.",
            icon=":material/check_circle:",
        )
        return None
    st.warning(" ".join(_differences(found)), icon=":material/call_split:")
    if found.state:
        _draw_places(found)
    return _choice(found, turns, key)


def _differences(found: Replay) -> list[str]:
    """Return sentences on how the replay differs from the recording."""
    sentences = []
    if found.other_results:
        sentences.append("The sandbox answers otherwise than recorded.")
    if found.state:
        sentences.append("The workspace behind this turn differs from the recorded one.")
    if found.breaks is not None:
        sentences.append(f"From turn {found.breaks} on, the recorded results no longer come.")
    elif sentences:
        sentences.append("All later results still come as recorded, but what was said may no longer fit.")
    return sentences


def _draw_places(found: Replay) -> None:
    rows = [
        {
            "Where": f"{place.pointer} {place.path}".strip(),
            "Recorded": value_text(place.value("recorded")),
            "Corrected": value_text(place.value("corrected")),
        }
        for place in found.state
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        alt="Differences of the workspace",
        column_config={"Where": st.column_config.TextColumn(width=150)},
    )


def _choice(found: Replay, turns: int, key: str) -> int:
    """Draw the choice where exports end, by default after the correction; return the first turn left out."""
    if not found.other_results and not found.state and found.breaks is not None:
        return found.breaks
    last = turns if found.breaks is None else found.breaks
    if found.behind >= last:
        return found.behind
    keep = f"Keep the recorded turns up to {last - 1}"
    chosen = st.radio(
        "In exports",
        ["End behind this turn", keep],
        key=f"{key}_end",
        captions=["Nothing that may no longer follow is trained on.", "You have read them, and they still fit."],
    )
    return last if chosen == keep else found.behind
