"""The first-run path: six steps from an empty project to a downloaded file, each with its state from the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from engine import settings
from engine.errors import InputError
from engine.planning.batch_file import load_batch
from engine.types import Batch
from pages._ui.buttons import button
from pages._ui.database import saving
from pages._ui.filters import VIEWS
from pages._ui.format import count, plural
from pages._ui.routes import open_page, page_link
from storage import first_path
from storage.analysing.analytics import Overview
from storage.database import Database
from storage.designing.domains import DomainRow, list_domains
from storage.exporting.exports import list_exports
from storage.generating import batches
from storage.reviewing.trajectories import next_unreviewed

State = Literal["done", "now", "later"]
FIRST_BATCH = settings.ROOT / "assets" / "batches" / "first.yaml"
_LAUNCHED = "overview_launched"
_TITLES = {
    "look": ("Look at a domain", "Open a domain"),
    "launch": ("Launch a first batch", "Launch another"),
    "watch": ("Watch it roll out", "Open the batch"),
    "review": ("Review a trajectory", "Open the next one"),
    "scores": ("See the scores", "Open the scores"),
    "export": ("Export and download", "Open exports"),
}
"""What each step is called, and its link."""


@dataclass(frozen=True)
class Step:
    """One step. Its link opens `page` with `parameters`; without a page it has no link."""

    name: str
    text: str
    done: bool
    page: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def first_batch(database: Database) -> Batch:
    """Return the small reference batch over the shipped domains that are there. Raises InputError without any."""
    batch = load_batch(FIRST_BATCH)
    there = {row.id for row in list_domains(database)}
    shares = tuple(share for share in batch.domains if share.id in there)
    if not shares:
        raise InputError(
            "first batch", "none of the shipped domains is there.", "Start the studio again, or import one."
        )
    return batch.model_copy(update={"domains": shares})


def launch_first(database: Database) -> None:
    """Create the first batch and have the next pass open it."""
    with saving("Batch launched"):
        st.session_state[_LAUNCHED] = batches.create_batch(database, first_batch(database))


def follow_launch() -> None:
    """Open the batch that `launch_first` has queued."""
    if (number := st.session_state.pop(_LAUNCHED, None)) is not None:
        open_page("batch", id=number)


def steps(database: Database, found: Overview) -> list[Step]:
    """Return the six steps with their state."""
    seen = first_path.seen(database)
    domain = next(iter(list_domains(database)), None)
    newest = next(iter(batches.list_batches(database, limit=1)), None)
    finished = batches.count_batches(database, ("done",)) > 0
    exported = any(row.status == "done" for row in list_exports(database))
    waiting = next_unreviewed(database, VIEWS["To review"]) if found.trajectories else None
    look = "domain" if domain else "domains"
    launch = "Twenty trajectories over the shipped domains. The reference teacher needs no model and no key."
    review = "Read it turn by turn; accept, reject or correct it with the keyboard."
    scores = "How the judges saw it, and where samples were lost."
    export = "Choose a format, build the files, download them."
    return [
        Step("look", "Its policy, its tools, and the files that they change.", "look" in seen, look, _id(domain)),
        Step("launch", launch, found.batches > 0, "new-batch"),
        Step("watch", _progress(newest), finished, "batch" if newest else "", _id(newest)),
        Step("review", review, found.reviewed > 0, "trajectory" if waiting else "", {"id": waiting} if waiting else {}),
        Step("scores", scores, "scores" in seen, "scores" if found.trajectories else ""),
        Step("export", export, exported, "exports" if found.trajectories else ""),
    ]


def _id(row: DomainRow | batches.BatchRow | None) -> dict[str, Any]:
    return {"id": row.id} if row else {}


def _progress(newest: batches.BatchRow | None) -> str:
    if newest is None:
        return "Live progress, rate and losses, while tools run in their sandboxes."
    p = newest.progress
    return f"{count(p.finished)} of {plural(p.planned, 'trajectory', 'trajectories')} finished."


def hide(database: Database, away: bool) -> None:
    """Hide the checklist, or show it again."""
    with saving():
        first_path.hide(database, away)


def draw_path(database: Database, path: Sequence[Step]) -> None:
    """Draw the checklist; the first step that is not done is marked as the next."""
    done = sum(step.done for step in path)
    now = next((step.name for step in path if not step.done), "")
    with st.container(border=True, key="first_path", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.header("From nothing to a training file", anchor=False, width="content")
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                st.caption(f"{done} of {len(path)} done", width="content")
                button("Hide", key="first_path_hide", type="tertiary", on_click=hide, args=(database, True))
        for position, step in enumerate(path, 1):
            _draw_step(database, position, step, "done" if step.done else "now" if step.name == now else "later")


def draw_return(database: Database) -> None:
    """Draw the button that shows the checklist again."""
    button(
        "Show the first steps",
        key="first_path_show",
        type="tertiary",
        icon=":material/checklist:",
        on_click=hide,
        args=(database, False),
    )


def _draw_step(database: Database, position: int, step: Step, state: State) -> None:
    icon = {"done": "check_circle", "now": "arrow_circle_right", "later": "radio_button_unchecked"}[state]
    colour = {"done": "green", "now": "blue", "later": "gray"}[state]
    word = {"done": "Done", "now": "Next", "later": "Later"}[state]
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key=f"step_{step.name}"
    ):
        with st.container(width=560, gap=None):
            st.markdown(f":{colour}[:material/{icon}:] **{position}. {_TITLES[step.name][0]}** :{colour}[{word}]")
            st.caption(step.text)
        _draw_move(database, step, state)


def _draw_move(database: Database, step: Step, state: State) -> None:
    if step.name == "launch" and not step.done:
        button(
            "Launch a first batch",
            key="first_batch",
            icon=":material/rocket_launch:",
            on_click=launch_first,
            args=(database,),
            type="primary" if state == "now" else "secondary",
            help="Starts at once and opens the batch. It costs nothing.",
        )
    elif step.page:
        page_link(step.page, _TITLES[step.name][1], icon="arrow_forward", **step.parameters)
