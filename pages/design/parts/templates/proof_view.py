"""Sample a task of a template, replay its reference chain in a sandbox, and draw the result."""

from __future__ import annotations

import streamlit as st

from engine.types import Mode, TaskTemplate, Trajectory, Turn
from pages._ui.badges import badge, mode_name, words
from pages._ui.buttons import button
from pages._ui.database import db
from pages._ui.diff_view import diff_view
from pages._ui.engine_requests import ask, poll
from pages._ui.format import plural
from pages._ui.task_and_scores import call_text, draw_scores, draw_task
from pages._ui.text import code_view, literal, plain
from pages.design.parts.draft.domain_draft import Draft

_ROLES = {
    "user": ("person", "User"),
    "assistant": ("smart_toy", "Assistant"),
    "tool": ("build", "Tool"),
    "system": ("policy", "Policy"),
}


def prove(draft: Draft, template: TaskTemplate, served: tuple[Mode, ...]) -> None:
    """Draw the form and the result of the latest proof."""
    key = f"prove_{draft.domain}_{template.id}"
    if not served:
        st.warning("This template serves no mode: give its first turn a chain of calls.", icon=":material/info:")
        return
    st.session_state.setdefault(f"{key}_turns", min(4, len(template.turns)))
    st.session_state.setdefault(f"{key}_seed", 0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Mode", served, format_func=mode_name, key=f"{key}_mode", width="stretch")
        st.number_input(
            "User turns",
            1,
            4,
            key=f"{key}_turns",
            width=105,
            help="The dialogue takes its further turns from this template only.",
        )
        st.number_input("Seed", 0, 2**31, key=f"{key}_seed", width=105, help="Same seed, same task.")
    with st.container(horizontal=True):
        button(
            "Prove",
            key=f"{key}_go",
            icon=":material/verified:",
            on_click=_ask,
            args=(draft, template.id, key, 0),
            help="Samples a task of what stands in the editor, saved or not, and replays its reference chain.",
        )
        button(
            "Next seed",
            key=f"{key}_next",
            icon=":material/skip_next:",
            on_click=_ask,
            args=(draft, template.id, key, 1),
            type="tertiary",
        )
    row = poll(db(), key, waiting="Replaying the reference chain in a sandbox")
    if row is not None and row.status == "done":
        proof_view(Trajectory.model_validate(row.result["trajectory"]), key=key)


def _ask(draft: Draft, template: str, key: str, further: int) -> None:
    seed = int(st.session_state.get(f"{key}_seed") or 0) + further
    st.session_state[f"{key}_seed"] = seed
    payload = {
        "domain": draft.domain,
        "version": draft.based_on,
        "overrides": draft.overrides(),
        "template": template,
        "mode": st.session_state.get(f"{key}_mode"),
        "turns": int(st.session_state.get(f"{key}_turns") or 1),
        "seed": seed,
    }
    ask(db(), "prove", payload, key=key)


def proof_view(trajectory: Trajectory, *, key: str) -> None:
    """Draw the outcome of a proof: the dialogue, the reference, what changed, and the checks."""
    proof = trajectory.proof
    with st.container(horizontal=True, vertical_alignment="center"):
        if proof is not None and proof.reason is None:
            st.badge("Proven", icon=":material/verified:", color="green")
            badge("outcome", trajectory.outcome)
        else:
            reason = (proof.reason if proof else None) or trajectory.reason or "not proven"
            st.badge(f"Rejected: {words(reason)}", icon=":material/report:", color="red")
        st.caption(f"Seed {trajectory.seed} · {plural(len(trajectory.turns), 'turn')}", width="content")
    detail = (proof.detail if proof else "") or trajectory.detail
    if detail and (proof is None or proof.reason or trajectory.status == "failed"):
        st.error(literal(detail), icon=":material/report:")
    views = ["Dialogue", "Task and calls", "State diff", "Checks"] if trajectory.turns else ["Task and calls"]
    shown = st.segmented_control(
        "Shown", views, default=views[0], required=True, key=f"{key}_view", label_visibility="collapsed"
    )
    if shown == "Dialogue":
        for position, turn in enumerate(trajectory.turns):
            _turn(turn, f"{key}_turn_{position}")
    elif shown == "Task and calls":
        draw_task(trajectory)
    elif shown == "State diff":
        diff_view(trajectory.diff if trajectory.diff else proof and proof.expected, key=f"{key}_diff")
    elif shown == "Checks":
        draw_scores(trajectory)


def _turn(turn: Turn, key: str) -> None:
    icon, word = _ROLES[turn.role]
    if turn.role == "system":
        with st.expander("Policy, as the teacher gets it", icon=f":material/{icon}:"):
            plain(turn.content)
        return
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/{icon}: **{word}**", width="content")
            if turn.role == "tool":
                st.caption(literal(turn.name or ""), width="content")
            if turn.fault:
                st.badge(words(turn.fault), icon=":material/error:", color="red")
        for call in turn.tool_calls:
            st.code(call_text(call), language=None, wrap_lines=True)
        if turn.role == "tool":
            code_view(turn.content, key=key, height=120 if len(turn.content) > 400 else None)
        elif turn.content:
            plain(turn.content)
