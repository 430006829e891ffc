"""The form that corrects one assistant turn: its text, or its tool calls, which the engine replays before they can be
used.

The recorded turn stays unchanged; the correction is stored in the review.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from engine.errors import Conflict, InputError, InputErrors
from engine.reading.schema import properties_of, required_of, schema_problem
from engine.reviewing.corrections import ends_at, same_calls
from engine.reviewing.replay import Correction, Replay
from engine.reviewing.verdicts import corrections
from engine.types import Review, Trajectory, Turn
from pages._ui.buttons import button
from pages._ui.confirm_buttons import delete_button, drop_button
from pages._ui.database import db, saving
from pages._ui.engine_requests import ask, forget, last, poll
from pages._ui.format import plural
from pages._ui.messages import keep_message
from pages._ui.text import code_view, literal
from pages.review.parts.fix_calls import Draft, draft_of, edit_calls, edit_text, forget_draft, read_fix, show_refusal
from pages.review.parts.redrawing import redraw
from pages.review.parts.replay_view import draw_replay
from pages.review.parts.reviewer import tab
from storage.designing.domains import is_stored
from storage.reviewing.reviews import reviews_of

UNVERIFIED = (
    "This trajectory was imported and belongs to no domain here, so the changed calls cannot be played in a sandbox. "
    "The correction is stored and marked *unverified*: exports train it and end with it, for nobody knows what the "
    "tools would have answered."
)


def fix_key(number: int) -> str:
    """Return the session key that holds the turn being corrected."""
    return f"fixing_{number}"


@dataclass(frozen=True)
class _Correcting:
    """The turn that is being corrected. `saved` is its stored correction, `others` are those of other turns in the form
    of a request to the engine."""

    number: int
    index: int
    trajectory: Trajectory
    saved: Turn | None
    others: list[dict[str, Any]]

    @property
    def turn(self) -> Turn:
        """The turn as it was recorded."""
        return self.trajectory.turns[self.index]

    @property
    def name(self) -> str:
        """The name of the draft, part of its fields' keys."""
        return f"{self.number}_{self.index}"

    @property
    def key(self) -> str:
        """The start of the keys of buttons and of the replay."""
        return f"fix_{self.name}"


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
        review = tab().own_review(reviews, index)
        _form(_Correcting(number, index, trajectory, review.fix if review else None, _other_corrections(others)))


def _other_corrections(reviews: Sequence[Review]) -> list[dict[str, Any]]:
    """Return the corrections of other turns in the form of a request to the engine."""
    found = [
        Correction(turn=turn, fix=review.fix, replayed=review.replayed)
        for turn, review in corrections(reviews).items()
        if review.fix
    ]
    return [one.model_dump(mode="json") for one in found]


def _form(here: _Correcting) -> None:
    """Draw the fields, and the actions on their content."""
    trajectory = here.trajectory
    draft = draft_of(here.name, here.saved or here.turn)
    edit_text(draft, here.name)
    problems = edit_calls(draft, {tool.name: tool for tool in trajectory.tools}, here.name)
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
        fix = read_fix(draft.text, draft.calls, here.turn, trajectory)
    except (InputError, InputErrors) as refused:
        show_refusal(draft, refused)
    _decide(here, draft, fix)


def _decide(here: _Correcting, draft: Draft, fix: Turn | None) -> None:
    """Draw the buttons, the replay that changed calls need, and the button that uses the correction. `fix` is None
    while the fields make no valid turn."""
    changed = _changed_elsewhere(here)
    other_calls = bool(fix and fix.tool_calls and not same_calls(here.turn, fix))
    unverified = other_calls and not _can_replay(here)
    needs_replay = other_calls and not unverified
    _buttons(here, draft, fix if needs_replay else None)
    found = _replayed(here, fix) if needs_replay and fix else None
    if unverified:
        st.info(UNVERIFIED, icon=":material/help:")
    until = draw_replay(found, len(here.trajectory.turns), here.key) if found else None
    waits = fix is None or (needs_replay and found is None)
    pressed = button(
        "Use this correction",
        key=f"{here.key}_use",
        icon=":material/check:",
        disabled=waits,
        type="secondary" if waits else "primary",
    )
    if fix is None:
        st.caption("It can be used once what is said above is mended. What you wrote is kept.")
    elif waits:
        st.caption("Changed tool calls are accepted once the sandbox has answered them.")
    elif pressed and not changed:
        if fix.content == here.turn.content and same_calls(here.turn, fix):
            st.caption("It says what was recorded. Change the text or a call first.")
        else:
            _use(here, fix, found, until, unverified=unverified)


def _buttons(here: _Correcting, draft: Draft, to_replay: Turn | None) -> None:
    """Draw the replay button, for a correction that needs it, and the buttons that close the form."""
    with st.container(horizontal=True):
        if to_replay:
            payload = {
                "trajectory_id": here.number,
                "turn": here.index,
                "fix": to_replay.model_dump(mode="json"),
                "others": here.others,
            }
            button(
                "Replay in the sandbox",
                key=f"{here.key}_replay",
                icon=":material/replay:",
                type="primary",
                on_click=ask,
                args=(db(), "replay_fix", payload),
                kwargs={"key": here.key},
            )
        if drop_button("Close", "Drop what you wrote?", key=f"{here.key}_close", edited=draft.edited, yes="Drop it"):
            _close(here.number)
            st.rerun()
        if here.saved and delete_button(
            "Delete this correction? The turn is then as it was recorded.",
            label="Take the correction back",
            key=f"{here.key}_remove",
        ):
            _remove(here)


def _can_replay(here: _Correcting) -> bool:
    """Return whether there is a domain to replay in. An imported trajectory may name one that is not stored, which only
    a failed replay shows."""
    digest = here.trajectory.domain_digest
    if not digest:
        return False
    tried = last(db(), here.key)
    return tried is None or tried.status != "failed" or is_stored(db(), digest)


def _replayed(here: _Correcting, fix: Turn) -> Replay | None:
    """Draw the result of the replay; return it when this correction may be used."""
    row = poll(db(), here.key, waiting="Replaying in a sandbox")
    if row is None or row.status != "done":
        return None
    if row.payload.get("fix") != fix.model_dump(mode="json") or row.payload.get("turn") != here.index:
        st.caption("The correction changed since it was replayed. Replay it again.")
        return None
    if row.payload.get("others") != here.others:
        st.caption("A correction of another turn changed since this one was replayed. Replay it again.")
        return None
    found = Replay.model_validate(row.result)
    st.markdown("**What the sandbox answered**")
    for position, turn in enumerate(found.turns):
        st.badge(literal(turn.name or "tool"), icon=":material/build:", color="red" if turn.fault else "green")
        code_view(turn.content, key=f"replayed_{here.index}_{position}")
    if found.ok or _refusal_is_right(found, here.key):
        return found
    return None


def _refusal_is_right(found: Replay, key: str) -> bool:
    """Draw why a call failed and return whether the reviewer accepts it. Only a refusal by the tool can be accepted, as
    it may be right; a bug, a timeout or a limit of the sandbox cannot."""
    if any(turn.fault not in (None, "tool_error") for turn in found.turns):
        st.error(literal(f"The replay failed: {found.detail}"), icon=":material/error:")
        return False
    st.warning(
        f"The tool refuses: {literal(found.detail)} That can be right, when the dialogue shall show how a refusal is "
        "met.",
        icon=":material/block:",
    )
    return st.checkbox("The refusal is right: use this correction with it", key=f"{key}_refusal")


def _use(here: _Correcting, fix: Turn, found: Replay | None, until: int | None, *, unverified: bool) -> None:
    """Store the correction with its replay. Exports leave out recorded turns from `until` on."""
    lost_calls = bool(here.turn.tool_calls and not fix.tool_calls) or None
    changes = {
        "verdict": "fix",
        "fix": fix.model_copy(update={"original": here.turn}).model_dump(),
        "replayed": tuple(one.model_dump() for one in found.turns) if found else (),
        "diverges": found.diverges if found else lost_calls,
        "fits_until": until,
        "follows": found.follows if found else (),
        "unverified": unverified,
    }
    if _store(here, changes, f"Turn {here.index} is corrected" + (", unverified." if unverified else ".")):
        forget(here.key)
    st.rerun()


def _remove(here: _Correcting) -> None:
    """Remove the correction of the turn."""
    nothing = {
        "verdict": None,
        "fix": None,
        "replayed": (),
        "diverges": None,
        "fits_until": None,
        "follows": (),
        "unverified": False,
    }
    _store(here, nothing, "The correction is taken back.")
    redraw()


def _store(here: _Correcting, changes: Mapping[str, Any], message: str) -> bool:
    """Store a change of the correction and close the form; return False where it was refused, which is shown."""
    with saving():
        try:
            tab().change(db(), here.number, here.index, changes, {"fix": here.saved})
        except Conflict:
            return False  # the form shows it in its next pass
        keep_message(message)
        _close(here.number)
        return True
    return False


def _changed_elsewhere(here: _Correcting) -> bool:
    """Return whether the saved correction differs from the one of the last pass, and draw that once."""
    key = _seen_key(here.number, here.index)
    seen = st.session_state.setdefault(key, here.saved)
    if seen == here.saved:
        return False
    st.session_state[key] = here.saved
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
