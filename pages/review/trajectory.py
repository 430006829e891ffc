"""One trajectory under review: its turns at the left, verdict and facts at the right."""

from __future__ import annotations

import streamlit as st

from engine.errors import InputError
from engine.types import Trajectory
from pages._ui.badges import badge, badge_isolation, badge_reference, mode_name, plays_reference
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.filters import filter_from_address, filter_parameters
from pages._ui.format import count
from pages._ui.layout import actions, missing
from pages._ui.messages import show_messages
from pages._ui.routes import number_parameter, page_link, text_parameter
from pages._ui.text import literal
from pages.review.parts.facts_tabs import facts_tabs
from pages.review.parts.fix_form import fix_form, fix_key
from pages.review.parts.reviewer import known_tags
from pages.review.parts.standing_note import standing_note
from pages.review.parts.turn_viewer import store_marks, viewer
from pages.review.parts.turning import Way, drawing, shown
from pages.review.parts.verdict_panel import arrive, go, verdict_panel
from storage.filters import SORTS
from storage.generating.judgings import scores_since
from storage.reviewing.reviews import review_progress, reviews_of
from storage.reviewing.trajectories import Neighbours, TrajectoryRow, get, neighbours, next_unreviewed, row

chosen = filter_from_address()
sort = text_parameter("order", "newest")
sort = sort if sort in SORTS else "newest"


@st.cache_data(max_entries=24, ttl=600, show_spinner=False)
def _body(address: str, identity: int, since: float) -> Trajectory | None:
    return get(db(), identity)


def body(identity: int) -> Trajectory | None:
    """Return a trajectory. Cached, since a stored one changes only when scores of another batch count for it."""
    return _body(str(db().url), identity, scores_since(db(), identity))


def work_arrived() -> None:
    """Store the marks that the viewer sent, then redraw the parts that show them."""
    with saving():
        stored = store_marks(db())
        if stored.fix is not None:
            st.session_state[fix_key(shown() or 0)] = stored.fix
        if stored.go:
            go(stored.go, shown() or 0, chosen, sort)
            st.rerun()
        if not stored.panel:
            return
    arrive(stored.undone, shown() or 0)


def follow(drawn: int) -> None:
    """Rerun the whole page when a key opened another trajectory while a fragment ran for `drawn`."""
    if shown() not in (drawn, None):
        st.rerun()


@st.fragment(key="viewer")
def draw_turns(identity: int) -> None:
    """Draw the turns with this reviewer's marks."""
    follow(identity)
    show_messages()
    found = body(identity)
    if found is None:
        return
    if not found.turns:
        st.caption("Nobody talked: there are no turns. The reason is at the right.")
    start = number_parameter("turn") or 0
    viewer(identity, found, reviews_of(db(), identity), known_tags(db()), on_work=work_arrived, start=start)


@st.fragment(key="panel")
def draw_panel(identity: int) -> None:
    """Draw the form for a correction, the verdict, and the facts."""
    follow(identity)
    found = body(identity)
    if found is None:
        return
    show_messages()
    with st.container(key=f"beside_{identity}"):  # the viewer blocks presses while this still shows another trajectory
        fix_form(identity, found)
        standing_note(identity, found, reviews_of(db(), identity))
        verdict_panel(identity, chosen, sort)
        facts_tabs(identity, found)


@st.fragment(key="place")
def draw_place(identity: int, known: list[Neighbours]) -> None:
    """Draw the position of the trajectory in the list and how much of the list is reviewed; each verdict reruns it.
    `known` holds the position when the whole page is drawn."""
    follow(identity)
    around = known.pop() if known else neighbours(db(), chosen, identity, sort=sort)
    reviewed, total = review_progress(db(), chosen)
    place = f"{count(around.position)} of {count(around.total)}" if around.position else "not in this list"
    st.caption(f"{place} · {count(reviewed)} of {count(total)} reviewed", width="content")


def draw_head(now: TrajectoryRow, isolated: bool | None) -> None:
    """Draw the title, the position in the queue, and buttons to the neighbours."""
    around = neighbours(db(), chosen, now.id, sort=sort)
    with actions(f"Trajectory {now.id}"):
        draw_place(now.id, [around])
        page_link("queue", "Queue", icon="checklist", **filter_parameters(chosen))
        following = next_unreviewed(db(), chosen, now.id, sort=sort)
        ways: tuple[tuple[str, Way, str, str, int | None], ...] = (
            ("Previous", "previous", "P", "chevron_left", around.previous),
            ("Next", "next", "N", "chevron_right", around.next),
            ("Next to review", "unreviewed", "Shift+N", "skip_next", following if following != now.id else None),
        )
        for (
            label,
            way,
            key,
            icon,
            to,
        ) in ways:  # the viewer handles these keys and clicks itself
            button(
                label,
                key=f"go_{way}",
                icon=f":material/{icon}:",
                shortcut=key,
                disabled=to is None,
                on_click=go,
                args=(way, now.id, chosen, sort),
            )
    with st.container(horizontal=True, vertical_alignment="center"):
        badge("outcome", now.outcome)
        if now.culprit:
            badge("culprit", now.culprit, prefix="Culprit: ")
        badge_reference(now.teacher)
        badge_isolation(isolated)
        mode = mode_name(now.mode) if now.mode else "no mode"
        facts = [now.domain, mode, now.template or "no template", f"persona {now.persona}" if now.persona else ""]
        if not plays_reference(now.teacher) and now.model != now.domain:  # an imported one says "imported" once
            facts.append(now.model)
        st.caption(literal(" · ".join([*filter(None, facts), f"batch {now.batch_id}"])), width="content")


def draw() -> None:
    """Draw the page for the trajectory of the address."""
    identity = drawing()
    with saving():
        stored = store_marks(db())
        if stored.go and identity is not None:
            go(stored.go, identity, chosen, sort)
            st.rerun()
        if stored.undone and identity is not None:
            arrive(stored.undone, identity)
    try:
        now = row(db(), identity) if identity is not None else None
    except InputError:
        now = None
    if now is None or identity is None:
        missing("trajectory", "queue", "Open the queue")
        return
    found = body(identity)
    draw_head(now, found.execution.isolated if found else None)
    turns, panel = st.columns([5, 3], gap="medium")
    with turns:
        draw_turns(identity)
    with panel:
        draw_panel(identity)


draw()
