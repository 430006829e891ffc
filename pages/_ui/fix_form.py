"""Correct one assistant turn: its text, or its tool calls, which the engine replays before they are accepted.

The recorded turn stays as it is; the correction lies beside it in the review.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import streamlit as st
from pydantic import ValidationError

from engine.curate import corrections, ends_at, same_calls
from engine.errors import Conflict, InputError, InputErrors
from engine.replay import Correction, Replay
from engine.schema import argument_error
from engine.types import Review, ToolCall, Trajectory, Turn
from pages._ui.data import db, saving
from pages._ui.engine_requests import ask, forget, poll
from pages._ui.format import plural
from pages._ui.notices import leave
from pages._ui.replay_view import draw_replay
from pages._ui.reviewing import change_review, own_review
from pages._ui.text import code_view, literal
from pages._ui.verdict_panel import BOTH
from storage.requests import RequestRow
from storage.reviews import reviews_of


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
        st.subheader(f"Correct turn {index}", anchor=False)
        if turn.role != "assistant":
            st.caption("Only turns of the assistant can be corrected. Your mark on this turn is saved.")
            st.button("Close", key=f"fix_close_{number}", on_click=_close, args=(number,))
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
    turn = trajectory.turns[index]
    name = f"{number}_{index}"
    start = review.fix if review and review.fix else turn
    text = st.text_area(
        "What the assistant should have said", start.content, key=f"fix_text_{name}", height=120,
        placeholder="Leave empty when the turn should only call tools",
    )  # fmt: skip
    calls = st.text_area(
        "Tool calls as JSON", calls_text(start.tool_calls), key=f"fix_calls_{name}", height=220,
        help='A list of {"name": …, "arguments": {…}}. Checked against the schemas of the offered tools.',
    )  # fmt: skip
    with st.expander("Tools that were offered", icon=":material/build:"):
        st.table([{"Tool": tool.name, "Arguments": _signature(tool.parameters)} for tool in trajectory.tools])
    try:
        fix = read_fix(text, calls, turn, trajectory)
    except InputErrors as refused:
        st.error("\n".join(f"- {literal(str(one))}" for one in refused.errors), icon=":material/rule:")
        fix = None
    except InputError as refused_one:
        st.error(literal(str(refused_one)), icon=":material/rule:")
        fix = None
    _decide(number, index, trajectory, fix, review, others)


def _decide(
    number: int,
    index: int,
    trajectory: Trajectory,
    fix: Turn | None,
    review: Review | None,
    others: list[dict[str, Any]],
) -> None:
    key, turn, before = f"fix_{number}_{index}", trajectory.turns[index], review.fix if review else None
    changed = _changed_elsewhere(number, index, before)
    ready, found, until = fix is not None, None, None
    needs_replay = bool(fix and fix.tool_calls and not same_calls(turn, fix))
    with st.container(horizontal=True):
        if needs_replay and fix:
            payload = {"trajectory_id": number, "turn": index, "fix": fix.model_dump(mode="json"), "others": others}
            st.button(
                "Replay in the sandbox", key=f"{key}_replay", icon=":material/replay:", type="primary",
                on_click=ask, args=(db(), "replay_fix", payload), kwargs={"key": key},
            )  # fmt: skip
        st.button("Close", key=f"{key}_close", on_click=_close, args=(number,))
        if before:
            st.button(
                "Take the correction back", key=f"{key}_remove", type="tertiary", on_click=_remove,
                args=(number, index, before),
            )  # fmt: skip
    if needs_replay and fix:
        found = _replayed(poll(db(), key, waiting="Replaying in a sandbox"), fix, index, others)
        ready = found is not None
    if found:
        until = draw_replay(found, len(trajectory.turns), key)
    waits = needs_replay and not ready
    pressed = st.button(
        "Use this correction", key=f"{key}_use", icon=":material/check:", disabled=waits,
        type="secondary" if waits else "primary",
    )  # fmt: skip
    if waits:
        st.caption("Changed tool calls are accepted once the sandbox has answered them.")
    elif pressed and fix is not None and not changed:
        if fix.content == turn.content and same_calls(turn, fix):
            st.caption("It says what was recorded. Change the text or a call first.")
        else:
            _use(number, index, fix, turn, found, until, before)


def _replayed(row: RequestRow | None, fix: Turn, index: int, others: list[dict[str, Any]]) -> Replay | None:
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
    if not found.ok:
        st.error(literal(f"The replay failed: {found.detail}"), icon=":material/error:")
        return None
    return found


def _use(
    number: int,
    index: int,
    fix: Turn,
    turn: Turn,
    found: Replay | None,
    until: int | None,
    before: Turn | None,
) -> None:
    lost_calls = bool(turn.tool_calls and not fix.tool_calls) or None
    with saving():
        try:
            change_review(
                db(), number, index, seen={"fix": before}, verdict="fix",
                fix=fix.model_copy(update={"original": turn}).model_dump(),
                replayed=tuple(one.model_dump() for one in found.turns) if found else (),
                diverges=found.diverges if found else lost_calls,
                fits_until=until, follows=found.follows if found else (),
            )  # fmt: skip
        except Conflict:
            pass  # the form says so when it is drawn again
        else:
            leave(f"Turn {index} is corrected.")
            _close(number)
            forget(f"fix_{number}_{index}")
    st.rerun()


def _remove(number: int, index: int, before: Turn) -> None:
    with saving():
        try:
            change_review(
                db(), number, index, seen={"fix": before}, verdict=None, fix=None, replayed=(), diverges=None,
                fits_until=None, follows=(),
            )  # fmt: skip
        except Conflict:
            pass  # the form says so when it is drawn again
        else:
            leave("The correction is taken back.")
            _close(number)
    st.rerun(BOTH)


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
    st.session_state.pop(_seen_key(number, index), None)


def calls_text(calls: tuple[ToolCall, ...]) -> str:
    """Return tool calls as the JSON that the form shows."""
    found = [{"name": call.name, "arguments": call.arguments if call.raw is None else call.raw} for call in calls]
    return json.dumps(found, ensure_ascii=False, indent=2) if found else ""


def read_fix(text: str, calls: str, turn: Turn, trajectory: Trajectory) -> Turn:
    """Return the corrected turn. Raises InputErrors naming each call that breaks a schema, InputError for bad JSON."""
    found = _calls(calls, turn)
    tools = {tool.name: tool for tool in trajectory.tools}
    errors = []
    for position, call in enumerate(found, 1):
        if call.name not in tools:
            offered = ", ".join(sorted(tools)) or "none"
            errors.append(InputError(f"call {position}", f"there is no tool {call.name!r}.", f"Offered: {offered}."))
        elif problem := argument_error(tools[call.name], call):
            errors.append(InputError(f"call {position} ({call.name})", problem, "Correct the arguments."))
    if errors:
        raise InputErrors(errors)
    if not text.strip() and not found:
        raise InputError("turn", "it would be empty.", "Write a text, or give at least one tool call.")
    return Turn(role="assistant", content=text, tool_calls=found, reasoning=None, train=turn.train)


def _calls(text: str, turn: Turn) -> tuple[ToolCall, ...]:
    if not text.strip():
        return ()
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"tool calls, line {error.lineno}, column {error.colno}"
        raise InputError(where, f"this is not JSON ({error.msg}).", "Correct the brackets and quotes.") from error
    if not isinstance(values, list) or not all(isinstance(v, dict) and set(v) == {"name", "arguments"} for v in values):
        raise InputError("tool calls", "this is no list of calls.", 'Write [{"name": "…", "arguments": {…}}].')
    ids = [call.id for call in turn.tool_calls]
    try:
        return tuple(
            ToolCall(id=ids[n] if n < len(ids) else f"fix_{n}", name=value["name"], arguments=value["arguments"])
            for n, value in enumerate(values)
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError("tool calls", f"{first['loc'][0]}: {first['msg']}.", "Arguments are a JSON object.") from error


def _signature(parameters: dict[str, Any]) -> str:
    required = set(parameters.get("required", ()))
    names = [name if name in required else f"{name} (optional)" for name in parameters.get("properties", {})]
    return ", ".join(names) or plural(0, "argument")
