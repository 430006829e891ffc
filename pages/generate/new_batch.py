"""The form that launches a batch."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine import planner
from engine.batchfile import batch_of, dump_batch, parse_batch
from engine.errors import InputError, InputErrors
from engine.types import Batch
from pages._ui import batch_form
from pages._ui.buttons import button
from pages._ui.data import db, saving
from pages._ui.format import money, plural, seconds
from pages._ui.layout import actions, empty_state
from pages._ui.notices import leave
from pages._ui.routes import number_parameter, open_page
from pages._ui.text import literal
from storage import batches, domains, personas

TRY = 3
LARGEST = 1 << 20
"""Bytes of a batch file."""


def launch(batch: Batch, form_done: bool) -> None:
    """Store the batch and remember it, so that the page opens it on its next pass; `form_done` empties the form."""
    with saving():
        st.session_state["launched"] = (batches.create_batch(db(), batch), form_done)
        leave("Batch launched")
        st.rerun()


def told(error: InputError) -> list[str]:
    """Return what an error says, one sentence per place."""
    return [str(one) for one in (error.errors if isinstance(error, InputErrors) else [error])]


def problems(batch: Batch) -> list[str]:
    """Return why the batch cannot start, in sentences."""
    try:
        found = {share.id: domains.get_domain(db(), share.id) for share in batch.domains}
        shares = tuple(s.model_copy(update={"digest": found[s.id].digest}) for s in batch.domains)
        known = {row.persona.id: row.persona for row in personas.list_personas(db())}
        people = [known[id] for id in batch.personas or known if id in known]
        if len(people) < len(batch.personas):
            unknown = next(id for id in batch.personas if id not in known)
            raise InputError("personas", f"there is no persona {unknown!r}.", "Choose personas from the list.")
        pinned = batch.model_copy(update={"domains": shares})
        planner.check(pinned, {domain.digest: domain for domain in found.values()}, people)
    except InputError as error:
        return told(error)
    return []


def estimate(batch: Batch) -> str:
    """Say what the batch will take, from what finished batches of the same teacher took."""
    like = [
        row
        for row in batches.list_batches(db(), limit=50, statuses=("done",))
        if row.batch.teacher == batch.teacher
        and row.batch.models.get("teacher") == batch.models.get("teacher")
        and row.progress.planned
        and not row.imported
    ]
    if not like:
        return f"No estimate yet: nothing like it has finished. Try {TRY} first."
    finished = sum(row.progress.planned for row in like)
    time = sum(row.seconds for row in like) / finished * batch.trajectories
    known = [row.cost_usd for row in like]
    cost = None if any(c is None for c in known) else sum(c or 0 for c in known) / finished * batch.trajectories
    price = "a cost that is not known" if cost is None else money(cost)
    return f"About {seconds(time)} and {price}, judging by {plural(len(like), 'finished batch', 'finished batches')}."


def refusals(reasons: list[str]) -> None:
    """Draw why something cannot be launched."""
    for reason in reasons:
        st.error(literal(reason), icon=":material/error:")


def from_file() -> None:
    """Draw the upload of a batch file; a wrong one is refused whole, naming line or field."""
    with st.expander("Start from a YAML or TOML file", icon=":material/upload_file:"):
        given = st.file_uploader("Batch file", type=["yaml", "yml", "toml"], max_upload_size=1, key="file_of_batch")
        if given is None:
            st.caption("The fields are those of Save as YAML below; `assets/batches` holds two examples.")
            return
        try:
            if given.size > LARGEST:
                raise InputError(given.name, "is larger than 1 MB.", "A batch file holds a few lines of settings.")
            batch = parse_batch(given.getvalue(), given.name)
        except InputError as error:
            refusals(told(error))
            return
        st.code(dump_batch(batch), language="yaml")
        refusals(wrong := problems(batch))
        with st.container(horizontal=True):
            if button("Launch this file", key="launch_file", icon=":material/rocket_launch:", disabled=bool(wrong)):
                launch(batch, False)
            button(
                "Fill in the form", key="fill_form", icon=":material/edit_note:", on_click=batch_form.start_from,
                args=(batch,), help="Puts its settings into the form below, to look at or change.",
            )  # fmt: skip


def arrive() -> None:
    """Fill the form from the batch that the address asks for, once per visit from there."""
    like = number_parameter("like")
    if like is None or st.session_state.get("like_taken") == like:
        return
    st.session_state["like_taken"] = like
    try:
        batch_form.start_from(batches.get_batch(db(), like).batch)
    except InputError as error:
        st.warning(literal(str(error)), icon=":material/search_off:")


def form() -> Batch | None:
    """Draw the form and return the batch it describes, or None with the reasons drawn."""
    values: dict[str, Any] = {}
    with st.container(border=True):
        st.header("What", anchor=False)
        values |= batch_form.what(db())
    with st.container(border=True):
        st.header("Mix", anchor=False)
        values |= batch_form.mix(db(), [share["id"] for share in values["domains"]])
    with st.container(border=True):
        st.header("Who plays and who judges", anchor=False)
        values |= batch_form.players(db())
    with st.container(border=True):
        st.header("Sandbox, limits and budget", anchor=False)
        values |= batch_form.limits(db(), values["teacher"], values["models"].values())
    try:
        batch = batch_of(values, "form")
        reasons = problems(batch)
    except InputErrors as error:
        batch, reasons = None, told(error)
    refusals([reason.removeprefix("form: ") for reason in reasons])
    return None if reasons else batch


if (launched := st.session_state.pop("launched", None)) is not None:
    if launched[1]:
        batch_form.start_anew()
    open_page("batch", id=launched[0])

with actions("New batch", "Everything here is stored with the batch, so it can be repeated exactly."):
    button(
        "Start over", key="start_over", type="tertiary", icon=":material/restart_alt:", on_click=batch_form.start_anew
    )
if not domains.list_domains(db()):
    empty_state("No domain to generate from", "A batch needs at least one domain.", action="Domains", page="domains")
    st.stop()

arrive()
from_file()
made = form()
with st.container(horizontal=True, vertical_alignment="center"):
    whole = button("Launch", type="primary", icon=":material/rocket_launch:", key="launch", disabled=made is None)
    few = made and made.model_copy(
        update={"trajectories": TRY, "attempts": 1, "name": f"{made.name[:100]} (first {TRY})"}
    )
    first = button(
        f"Try {TRY} first", icon=":material/science:", key="try_first", disabled=made is None,
        help="The same batch with three trajectories, to look at before you pay for all of them. The form stays as "
        "it is.",
    )  # fmt: skip
    if made is not None:
        st.download_button(
            "Save as YAML", dump_batch(made), f"{made.name}.yaml", "application/yaml", key="save_yaml", type="tertiary",
            icon=":material/save:", on_click="ignore",
        )  # fmt: skip
        st.caption(literal(estimate(made)))
if made and few and (whole or first):
    launch(made if whole else few, form_done=whole)
