"""What is known about a trajectory beside its turns: scores, task, end state, model calls, history of its reviews."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from engine.types import ProvenTurn, Review, Score, Task, ToolCall, Trajectory
from pages._ui.badges import badge, mode_name, score_name, version_name, words
from pages._ui.data import db
from pages._ui.diff_view import diff_view
from pages._ui.format import count, moment, money, number, plural, seconds
from pages._ui.text import code_view, literal, plain
from storage.reviews import ReviewEvent, history

TABS = ("Scores", "Task", "End state", "Model calls", "History")
EVENTS_SHOWN = 100


def facts_tabs(identity: int, trajectory: Trajectory) -> None:
    """Draw the tabs; each body is made when its tab is open."""
    scores, task, state, calls, past = st.tabs(TABS, key="facts_tab", on_change="rerun")
    if scores.open:
        with scores:
            draw_scores(trajectory)
    if task.open:
        with task:
            draw_task(trajectory)
    if state.open:
        with state:
            draw_state(identity, trajectory)
    if calls.open:
        with calls:
            draw_calls(trajectory)
    if past.open:
        with past:
            draw_history(history(db(), identity))


def draw_scores(trajectory: Trajectory) -> None:
    """Draw outcome, culprit and reward, then each score with its reason."""
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
        plain(score.reason, empty="No reason was given.")
        told = (score.method, score.source, score.model, version_name(score.version))
        source = " · ".join(part for part in told if part)
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


def draw_state(identity: int, trajectory: Trajectory) -> None:
    """Draw what changed in the workspace, and what the reference changes."""
    st.markdown("**What this trajectory changed**")
    diff_view(trajectory.diff, key=f"diff_{identity}")
    if trajectory.proof:
        st.markdown("**What the reference changes**")
        diff_view(trajectory.proof.expected, key=f"expected_{identity}")


def draw_calls(trajectory: Trajectory) -> None:
    """Draw what the models took, call by call, with totals; and where the tools ran."""
    tokens = [c.prompt_tokens + c.completion_tokens for c in trajectory.calls if None not in _tokens(c)]
    costs = [c.cost_usd for c in trajectory.calls if c.cost_usd is not None]
    if trajectory.calls:
        with st.grid(3):
            st.metric("Model calls", count(len(trajectory.calls)))
            st.metric("Tokens", count(sum(tokens)) if tokens else "–")
            st.metric("Cost", money(sum(costs)) if costs else "–")
    else:
        st.caption("No model was called.")
    rows = [
        {
            "Role": call.role,
            "Model": call.model,
            "In": call.prompt_tokens,
            "Out": call.completion_tokens,
            "Cost": money(call.cost_usd),
            "Took": seconds(call.seconds),
            "Tries": call.attempts,
            "End": call.finish or "",
        }
        for call in trajectory.calls
    ]
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Model calls of this trajectory")
    machine = trajectory.execution
    st.caption(
        f"Sandbox {literal(machine.sandbox or 'none')} · took {seconds(machine.seconds)} · "
        f"{plural(machine.infrastructure_retries, 'retry', 'retries')} · started {moment(machine.started_at or None)}"
    )
    st.caption(
        f"Rollout {literal(trajectory.id)} · attempt {trajectory.attempt} · seed {trajectory.seed} · "
        f"ended: {literal(words(trajectory.end))}"
    )


def draw_history(events: list[ReviewEvent]) -> None:
    """Draw the audit trail, newest first."""
    if not events:
        st.caption("Nobody has reviewed it yet.")
        return
    undone = {event.undoes for event in events if event.undoes}
    rows = [
        {
            "When": moment(event.created_at),
            "Who": event.reviewer,
            "Where": "whole" if event.turn is None else f"turn {event.turn}",
            "Change": event_text(event) + (" (undone)" if event.id in undone else ""),
        }
        for event in reversed(events)
    ]
    st.dataframe(pd.DataFrame(rows[:EVENTS_SHOWN]), hide_index=True, alt="Changes of the reviews")
    if len(rows) > EVENTS_SHOWN:
        st.caption(f"The latest {EVENTS_SHOWN} of {count(len(rows))} changes.")


def event_text(event: ReviewEvent) -> str:
    """Say in words what an event changed."""
    if event.after is None:
        return "review taken away"
    before = event.before or Review(trajectory=event.trajectory_id, turn=event.turn, reviewer=event.reviewer)
    parts = []
    for field in ("verdict", "rating", "tags", "note"):
        old, new = getattr(before, field), getattr(event.after, field)
        if old != new:
            parts.append(f"{field}: {_shown(old)} → {_shown(new)}")
    if before.fix != event.after.fix:
        parts.append("corrected" if event.after.fix else "correction taken back")
    return ("undo: " if event.undoes else "") + ("; ".join(parts) or "no visible change")


def call_text(call: ToolCall) -> str:
    """Write a call the way a programmer reads it: refund_order(order_id="W1", amount=2)."""
    if call.raw is not None:
        return f"{call.name}({call.raw})"
    return f"{call.name}({', '.join(f'{k}={json.dumps(v, ensure_ascii=False)}' for k, v in call.arguments.items())})"


def _tokens(call: object) -> tuple[int | None, int | None]:
    return getattr(call, "prompt_tokens", None), getattr(call, "completion_tokens", None)


def _shown(value: object) -> str:
    if value is None or value == () or value == "":
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)[:120]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
