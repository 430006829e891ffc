"""Correct one assistant turn: its text, or its tool calls, which the engine replays before they are accepted.

The recorded turn stays as it is; the correction lies beside it in the review.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from engine.errors import Conflict, InputError, InputErrors
from engine.reading.schema import properties_of, required_of, schema_problem
from engine.reviewing.corrections import ends_at, same_calls
from engine.reviewing.replay import Correction, Replay
from engine.reviewing.verdicts import corrections
from engine.types import Review, Trajectory, Turn
from pages._ui.asking import delete_button, drop_button
from pages._ui.buttons import button
from pages._ui.data import db, saving
from pages._ui.engine_requests import ask, forget, last, poll
from pages._ui.format import plural
from pages._ui.notices import leave
from pages._ui.reviewing import change_review, own_review
from pages._ui.text import code_view, literal
from pages.review.parts.fix_calls import Draft, draft_of, edit_calls, edit_text, forget_draft, read_fix, show_refusal
from pages.review.parts.redrawing import redraw
from pages.review.parts.replay_view import draw_replay
from storage.domains import is_stored
from storage.requests import RequestRow
from storage.reviews import reviews_of

UNVERIFIED = (
    "This trajectory was imported and belongs to no domain here, so the changed calls cannot be played in a sandbox. "
    "The correction is stored and marked *unverified*: exports train it and end with it, for nobody knows what the "
    "tools would have answered."
)


def fix_key(number: int) -> str:
    """Return the session key that holds the turn being corrected."""
    return f"fixing_{number}"


def fix_form(number: int, trajectory: Trajectory) -> None:
    """Draw the form for the turn that is being corrected, or nothing."""
    index = st.session_state.get(fix_key(number))
    if index is None or not 0 <= index < len(trajectory.turns):
        return
    turn = trajectory.turns[index]
    with st.container(border=True, key=f"fix_form_{number}_{index}"):
        st.header(f"Correct turn {index}", anchor=False)
        if turn.role != "assistant":
            st.caption("Only turns of the assistant can be corrected. Your mark on this turn is saved.")
            button("Close", key=f"fix_close_{number}", on_click=_close, args=(number,))
            return
        reviews = reviews_of(db(), number)
        others = [review for review in reviews if review.turn != index]
        if ends_at(trajectory.turns, others) <= index:
            st.warning(
                "Exports end before this turn, because of a correction before it, so this one would not be exported.",
                icon=":material/call_split:",
            )
        _form(number, index, trajectory, own_review(reviews, index), _in_place(others))


def _in_place(reviews: Sequence[Review]) -> list[dict[str, Any]]:
    """Return the corrections of other turns, as the engine wants them."""
    found = [
        Correction(turn=turn, fix=review.fix, replayed=review.replayed)
        for turn, review in corrections(reviews).items()
        if review.fix
    ]
    return [one.model_dump(mode="json") for one in found]


def _form(number: int, index: int, trajectory: Trajectory, review: Review | None, others: list[dict[str, Any]]) -> None:
    turn, name = trajectory.turns[index], f"{number}_{index}"
    draft = draft_of(name, review.fix if review and review.fix else turn)
    edit_text(draft, name)
    problems = edit_calls(draft, {tool.name: tool for tool in trajectory.tools}, name)
    with st.expander("Tools that were offered", icon=":material/build:"):
        st.table(
            [
                {"Tool": literal(tool.name), "Arguments": literal(_signature(tool.parameters))}
                for tool in trajectory.tools
            ]
        )
    fix: Turn | None = None
    try:
        if problems:
            raise InputErrors([InputError("form", problem) for problem in problems])
        fix = read_fix(draft.text, draft.calls, turn, trajectory)
    except (InputError, InputErrors) as refused:
        show_refusal(draft, refused)
    _decide(number, index, trajectory, draft, fix, review, others)


def _decide(
    number: int,
    index: int,
    trajectory: Trajectory,
    draft: Draft,
    fix: Turn | None,
    review: Review | None,
    others: list[dict[str, Any]],
) -> None:
    key, turn, before = f"fix_{number}_{index}", trajectory.turns[index], review.fix if review else None
    changed = _changed_elsewhere(number, index, before)
    found, until = None, None
    other_calls = bool(fix and fix.tool_calls and not same_calls(turn, fix))
    unbound = not _has_world(trajectory, key)
    needs_replay = other_calls and not unbound
    with st.container(horizontal=True):
        if needs_replay and fix:
            payload = {"trajectory_id": number, "turn": index, "fix": fix.model_dump(mode="json"), "others": others}
            button(
                "Replay in the sandbox", key=f"{key}_replay", icon=":material/replay:", type="primary",
                on_click=ask, args=(db(), "replay_fix", payload), kwargs={"key": key},
            )  # fmt: skip
        if drop_button(
            "Close", "Drop what you wrote?", key=f"{key}_close", edited=draft.edited, yes="Drop it"
        ):  # fmt: skip
            _close(number)
            st.rerun()
        if before and delete_button(
            "Delete this correction? The turn is then as it was recorded.", label="Take the correction back",
            key=f"{key}_remove",
        ):  # fmt: skip
            _remove(number, index, before)
    if needs_replay and fix:
        found = _replayed(poll(db(), key, waiting="Replaying in a sandbox"), fix, index, others, key)
    if other_calls and unbound:
        st.info(UNVERIFIED, icon=":material/help:")
    if found:
        until = draw_replay(found, len(trajectory.turns), key)
    waits = fix is None or (needs_replay and found is None)
    pressed = button(
        "Use this correction", key=f"{key}_use", icon=":material/check:", disabled=waits,
        type="secondary" if waits else "primary",
    )  # fmt: skip
    if fix is None:
        st.caption("It can be used once what is said above is mended. What you wrote is kept.")
    elif waits:
        st.caption("Changed tool calls are accepted once the sandbox has answered them.")
    elif pressed and not changed:
        if fix.content == turn.content and same_calls(turn, fix):
            st.caption("It says what was recorded. Change the text or a call first.")
        else:
            _use(number, index, fix, turn, found, until, before, unverified=other_calls and unbound)


def _has_world(trajectory: Trajectory, key: str) -> bool:
    """Say whether there is a domain to replay in. A file from another machine may name one that is not here, which the
    first try tells."""
    if not trajectory.domain_digest:
        return False
    tried = last(db(), key)
    return tried is None or tried.status != "failed" or is_stored(db(), trajectory.domain_digest)


def _replayed(row: RequestRow | None, fix: Turn, index: int, others: list[dict[str, Any]], key: str) -> Replay | None:
    """Draw what the engine's replay gave; return it when this very correction may be accepted."""
    if row is None or row.status != "done":
        return None
    if row.payload.get("fix") != fix.model_dump(mode="json") or row.payload.get("turn") != index:
        st.caption("The correction changed since it was replayed. Replay it again.")
        return None
    if row.payload.get("others") != others:
        st.caption("A correction of another turn changed since this one was replayed. Replay it again.")
        return None
    found = Replay.model_validate(row.result)
    st.markdown("**What the sandbox answered**")
    for position, turn in enumerate(found.turns):
        st.badge(literal(turn.name or "tool"), icon=":material/build:", color="red" if turn.fault else "green")
        code_view(turn.content, key=f"replayed_{index}_{position}")
    if found.ok or _refusal_is_right(found, key):
        return found
    return None


def _refusal_is_right(found: Replay, key: str) -> bool:
    """Say why a call failed. A refusal of the tool may be the right thing, so the reviewer may accept it; a bug, a
    timeout or a bound of the sandbox may not."""
    if any(turn.fault not in (None, "tool_error") for turn in found.turns):
        st.error(literal(f"The replay failed: {found.detail}"), icon=":material/error:")
        return False
    st.warning(
        f"The tool refuses: {literal(found.detail)} That can be right, when the dialogue shall show how a refusal is "
        "met.",
        icon=":material/block:",
    )
    return st.checkbox("The refusal is right: use this correction with it", key=f"{key}_refusal")


def _use(
    number: int,
    index: int,
    fix: Turn,
    turn: Turn,
    found: Replay | None,
    until: int | None,
    before: Turn | None,
    *,
    unverified: bool,
) -> None:
    lost_calls = bool(turn.tool_calls and not fix.tool_calls) or None
    with saving():
        try:
            change_review(
                db(), number, index, seen={"fix": before}, verdict="fix",
                fix=fix.model_copy(update={"original": turn}).model_dump(),
                replayed=tuple(one.model_dump() for one in found.turns) if found else (),
                diverges=found.diverges if found else lost_calls,
                fits_until=until, follows=found.follows if found else (), unverified=unverified,
            )  # fmt: skip
        except Conflict:
            pass  # the form says so when it is drawn again
        else:
            leave(f"Turn {index} is corrected" + (", unverified." if unverified else "."))
            _close(number)
            forget(f"fix_{number}_{index}")
    st.rerun()


def _remove(number: int, index: int, before: Turn) -> None:
    with saving():
        try:
            change_review(
                db(), number, index, seen={"fix": before}, verdict=None, fix=None, replayed=(), diverges=None,
                fits_until=None, follows=(), unverified=False,
            )  # fmt: skip
        except Conflict:
            pass  # the form says so when it is drawn again
        else:
            leave("The correction is taken back.")
            _close(number)
    redraw()


def _changed_elsewhere(number: int, index: int, saved: Turn | None) -> bool:
    """Say once that the saved correction is no longer the one that was there when the form was drawn before."""
    seen = st.session_state.setdefault(_seen_key(number, index), saved)
    if seen == saved:
        return False
    st.session_state[_seen_key(number, index)] = saved
    st.warning(
        "This correction was changed elsewhere in the meantime: the turn shows what is saved, and what you wrote is "
        "still here. Press again to put yours in its place.",
        icon=":material/sync_problem:",
    )
    return True


def _seen_key(number: int, index: int | None) -> str:
    return f"fix_seen_{number}_{index}"


def _close(number: int) -> None:
    index = st.session_state.pop(fix_key(number), None)
    forget_draft(f"{number}_{index}")
    st.session_state.pop(_seen_key(number, index), None)


def _signature(parameters: dict[str, Any]) -> str:
    required = required_of(parameters)
    names = [name if name in required else f"{name} (optional)" for name in properties_of(parameters)]
    return ", ".join(names) or ("not said" if schema_problem(parameters) else plural(0, "argument"))
