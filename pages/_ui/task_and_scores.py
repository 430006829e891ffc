"""The task of a trajectory with its reference, and how judges scored it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from engine.judging.meaning import measured_in_words
from engine.types import FEEDBACK, Judgement, ProvenTurn, Score, Task, ToolCall, Trajectory
from pages._ui.badges import badge, mode_name, score_name, version_name, words
from pages._ui.format import number, plural
from pages._ui.text import code_view, literal, plain


def draw_scores(trajectory: Trajectory) -> None:
    """Draw outcome, culprit and reward of a trajectory, then each score with its reason, and the user's feedback."""
    draw_judgement(trajectory)
    for one in trajectory.attachments:
        if one.kind == FEEDBACK and one.version == 1:
            _feedback(one.value)


def _feedback(value: Any) -> None:
    """Draw the simulated user's feedback; nothing where an imported record holds something else."""
    match value:
        case {"satisfaction": float() | int() as satisfied, "feedback": str(said)}:
            st.caption(f"Satisfaction of the simulated user, from 0 to 1: {number(satisfied)}")
            plain(said)


def draw_judgement(trajectory: Trajectory | Judgement) -> None:
    """Draw the same of what judging again found."""
    with st.container(horizontal=True, vertical_alignment="center"):
        badge("outcome", trajectory.outcome)
        if trajectory.culprit:
            badge("culprit", trajectory.culprit, prefix="Culprit: ")
        badge("status", trajectory.status)
        st.badge(f"Reward {number(trajectory.reward)}", icon=":material/trophy:", color="gray")
    if trajectory.reason or trajectory.detail:
        stage = f"Lost at stage {trajectory.stage}" if trajectory.stage else "Lost"
        st.caption(f"{literal(words(stage))}: {literal(words(trajectory.reason or 'unknown'))}")
        plain(trajectory.detail, empty="No detail was recorded.")
    if not trajectory.scores:
        st.caption("No judge has scored it.")
    for score in trajectory.scores:
        _score(score)


def _score(score: Score) -> None:
    passed = {True: ("check_circle", "green"), False: ("cancel", "red"), None: ("help", "gray")}[score.passed]
    word = {True: "passed", False: "failed", None: "not measured" if score.value is None else "no threshold"}
    with st.container(border=True, gap=None):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{literal(score_name(score.name))}**", width="content")
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                st.markdown(number(score.value), width="content")
                st.badge(word[score.passed], icon=f":material/{passed[0]}:", color=passed[1])
        if meaning := measured_in_words(score):
            st.caption(literal(meaning))
        plain(score.reason, empty="No reason was given.")
        agreed = f"agreement {score.agreement:.0%}" if score.agreement is not None else ""
        origin = (score.method, score.source, score.model, version_name(score.version), agreed)
        source = " · ".join(part for part in origin if part)
        turns = f" · see {plural(len(score.evidence), 'turn')} " + ", ".join(map(str, score.evidence))
        st.caption(literal(source + (turns if score.evidence else "")))


def draw_task(trajectory: Trajectory) -> None:
    """Draw the goal, the slots, and per user turn the reference chain, its facts and its answer."""
    task, proof = trajectory.task, trajectory.proof
    if task is None:
        st.caption("No task is stored with it: it was imported without one, or nothing could fill the template.")
        return
    st.markdown("**Goal of the user**")
    plain(task.goal)
    st.caption(
        f"Template {literal(task.template)} · difficulty {number(task.difficulty)} · seed {task.seed} · "
        f"{plural(len(task.tools), 'tool')} offered"
    )
    if task.withheld_tools:
        st.caption(f"Withheld: {literal(', '.join(task.withheld_tools))}")
    if task.slots:
        st.markdown("**Slots**")
        rows = [{"Slot": name, "Value": _text(value)} for name, value in task.slots.items()]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", alt="Slots of the task")
    if proof and proof.reason:
        st.warning(f"{literal(words(proof.reason))}: {literal(proof.detail)}", icon=":material/report:")
    for position, proven in enumerate(proof.turns if proof else ()):
        _reference(position, task, proven)


def _reference(position: int, task: Task, proven: ProvenTurn) -> None:
    mode = task.turns[position].mode if position < len(task.turns) else None
    st.markdown(f"**Reference for user turn {position + 1}**" + (f" :gray[{literal(mode_name(mode))}]" if mode else ""))
    for group, calls in enumerate(proven.calls):
        for place, one in enumerate(calls):
            st.code(call_text(one.call), language=None, wrap_lines=True)
            with st.expander("Result", icon=":material/subdirectory_arrow_right:"):
                code_view(one.result.content, key=f"reference_{position}_{group}_{place}")
    if not proven.calls:
        st.caption("No call is needed.")
    if proven.facts:
        st.caption("The answer must state: " + literal("; ".join(" or ".join(fact) for fact in proven.facts)))
    st.caption("One good answer")
    plain(proven.answer)


def call_text(call: ToolCall) -> str:
    """Return a call in Python's notation: refund_order(order_id="W1", amount=2)."""
    if call.raw is not None:
        return f"{call.name}({call.raw})"
    return f"{call.name}({', '.join(f'{k}={json.dumps(v, ensure_ascii=False)}' for k, v in call.arguments.items())})"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
