"""Tabs beside the turns of a trajectory: scores, task, end state, model calls, history of reviews."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from engine.types import ModelCall, Review, Trajectory
from pages._ui.badges import look, words
from pages._ui.database import db
from pages._ui.diff_view import diff_view
from pages._ui.format import UNKNOWN, count, moment, money, plural, seconds
from pages._ui.routes import page_link
from pages._ui.task_and_scores import draw_judgement, draw_scores, draw_task
from pages._ui.text import literal
from pages.review.parts.given_up import draw_given_up
from storage.generating import judgings
from storage.reviewing.reviews import ReviewEvent, history

TABS = ("Scores", "Task", "End state", "Model calls", "History")
EVENTS_SHOWN = 100


def facts_tabs(identity: int, trajectory: Trajectory) -> None:
    """Draw the tabs; only the open one computes its content."""
    scores, task, state, calls, past = st.tabs(TABS, key="facts_tab", on_change="rerun")
    if scores.open:
        with scores:
            draw_scores(trajectory)
            draw_given_up(trajectory)
            draw_judgements(identity, trajectory)
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


def draw_judgements(identity: int, trajectory: Trajectory) -> None:
    """Draw what batches found that judged the trajectory again, each folded, with a link to the batch."""
    for number, name, found, counts in judgings.judgements(db(), identity):
        word = look("status", found.status).word.lower()
        with st.expander(
            f"Judged again by #{number}: {word}{', counts now' if counts else ''}", icon=":material/gavel:"
        ):
            page_link("batch", literal(name), icon="stacks", id=number)
            draw_judgement(found, trajectory)


def draw_state(identity: int, trajectory: Trajectory) -> None:
    """Draw the changes in the workspace, and those of the reference."""
    st.markdown("**What this trajectory changed**")
    diff_view(trajectory.diff, key=f"diff_{identity}")
    if trajectory.proof:
        st.markdown("**What the reference changes**")
        diff_view(trajectory.proof.expected, key=f"expected_{identity}")


def draw_calls(trajectory: Trajectory) -> None:
    """Draw tokens, cost and time of each model call with totals, and the sandbox."""
    tokens = [known for call in trajectory.calls if (known := _tokens(call)) is not None]
    costs = [c.cost_usd for c in trajectory.calls if c.cost_usd is not None]
    if trajectory.calls:
        with st.grid(3):
            st.metric("Model calls", count(len(trajectory.calls)))
            st.metric("Tokens", count(sum(tokens)) if tokens else UNKNOWN)
            st.metric("Cost", money(sum(costs)) if costs else UNKNOWN)
    else:
        st.caption("No model was called.")
    refused = any(call.not_taken for call in trajectory.calls)
    failed = any(call.failed for call in trajectory.calls)
    rows = [
        {
            "Role": call.role,
            **({"Failed": words(call.failed) if call.failed else ""} if failed else {}),
            **({"Not taken": words(call.not_taken) if call.not_taken else ""} if refused else {}),
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
    """Return what an event changed, in words."""
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


def _tokens(call: ModelCall) -> int | None:
    """Return the tokens of a call, None where its server reported only one kind or none."""
    if call.prompt_tokens is None or call.completion_tokens is None:
        return None
    return call.prompt_tokens + call.completion_tokens


def _shown(value: object) -> str:
    if value is None or value == () or value == "":
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)[:120]
