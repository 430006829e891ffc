"""The form that launches a batch."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine import planner
from engine.batchfile import batch_of, dump_batch, parse_batch
from engine.errors import InputError, InputErrors
from engine.types import Batch, Persona
from pages._ui import batch_form
from pages._ui.data import db, saving
from pages._ui.format import money, seconds
from pages._ui.layout import actions, empty_state
from pages._ui.routes import number_parameter, open_page
from pages._ui.text import literal
from storage import batches, domains, personas

TRY = 3


def launch(batch: Batch) -> None:
    """Store the batch and remember it, so that the page opens it on its next pass."""
    with saving("Batch launched"):
        st.session_state["launched"] = batches.create_batch(db(), batch)


def problems(batch: Batch) -> list[str]:
    """Return why the batch cannot start, in sentences."""
    found = {share.id: domains.get_domain(db(), share.id) for share in batch.domains}
    pinned = batch.model_copy(
        update={"domains": tuple(s.model_copy(update={"digest": found[s.id].digest}) for s in batch.domains)}
    )
    people: list[Persona] = [row.persona for row in personas.list_personas(db())]
    try:
        planner.check(pinned, {domain.digest: domain for domain in found.values()}, people)
    except InputErrors as error:
        return [str(one) for one in error.errors]
    return []


def estimate(batch: Batch) -> str:
    """Say what the batch will take, from what finished batches of the same teacher took."""
    like = [
        row
        for row in batches.list_batches(db(), limit=50, statuses=("done",))
        if row.batch.teacher == batch.teacher
        and row.batch.models.get("teacher", None) == batch.models.get("teacher", None)
        and row.progress.planned
    ]
    if not like:
        return "No estimate yet: nothing like it has finished. Try 3 first."
    finished = sum(row.progress.planned for row in like)
    time = sum(row.seconds for row in like) / finished * batch.trajectories
    known = [row.cost_usd for row in like]
    cost = None if any(c is None for c in known) else sum(c or 0 for c in known) / finished * batch.trajectories
    return f"About {seconds(time)} and {money(cost)}, judging by {len(like)} finished batches of the same teacher."


def from_file() -> None:
    """Draw the upload of a batch file; a wrong one is refused whole, naming line or field."""
    with st.expander("Start from a YAML or TOML file", icon=":material/upload_file:"):
        given = st.file_uploader("Batch file", type=["yaml", "yml", "toml"], max_upload_size=1, key="batch_file")
        if given is None:
            return
        try:
            batch = parse_batch(given.getvalue(), given.name)
        except InputError as error:
            for one in error.errors if isinstance(error, InputErrors) else [error]:
                st.error(literal(str(one)), icon=":material/error:")
            return
        st.code(dump_batch(batch), language="yaml")
        st.button(
            "Launch this file", key="launch_file", icon=":material/rocket_launch:", on_click=launch, args=(batch,)
        )


def base() -> Batch | None:
    """Return the batch that the address asks to start from, if there is one."""
    like = number_parameter("like")
    try:
        return batches.get_batch(db(), like).batch if like is not None else None
    except InputError:
        return None


def form(start: Batch | None) -> Batch | None:
    """Draw the form and return the batch it describes, or None with the reasons drawn."""
    values: dict[str, Any] = {}
    with st.container(border=True):
        st.subheader("What", anchor=False)
        values |= batch_form.what(db(), start)
    with st.container(border=True):
        st.subheader("Mix", anchor=False)
        values |= batch_form.mix(db(), start, [share["id"] for share in values["domains"]])
    with st.container(border=True):
        st.subheader("Who plays and who judges", anchor=False)
        values |= batch_form.players(db(), start)
    with st.container(border=True):
        st.subheader("Sandbox, limits and budget", anchor=False)
        values |= batch_form.limits(db(), start, values["teacher"])
    try:
        batch = batch_of(values, "form")
        reasons = problems(batch)
    except InputErrors as error:
        batch, reasons = None, [str(one) for one in error.errors]
    for reason in reasons:
        st.error(literal(reason), icon=":material/error:")
    return None if reasons else batch


if (number := st.session_state.pop("launched", None)) is not None:
    open_page("batch", id=number)

with actions("New batch", "Everything here is stored with the batch, so it can be repeated exactly."):
    pass
if not domains.list_domains(db()):
    empty_state("No domain to generate from", "A batch needs at least one domain.", action="Domains", page="domains")
    st.stop()

from_file()
made = form(base())
with st.container(horizontal=True, vertical_alignment="center"):
    st.button(
        "Launch", type="primary", icon=":material/rocket_launch:", key="launch", disabled=made is None,
        on_click=launch, args=(made,),
    )  # fmt: skip
    few = made and made.model_copy(
        update={"trajectories": TRY, "attempts": 1, "name": f"{made.name} (first {TRY})"[:120]}
    )
    st.button(
        f"Try {TRY} first", icon=":material/science:", key="try_first", disabled=made is None, on_click=launch,
        args=(few,),
        help="The same batch with three trajectories, to look at before you pay for all of them.",
    )  # fmt: skip
    if made is not None:
        st.download_button(
            "Save as YAML", dump_batch(made), f"{made.name}.yaml", "application/yaml", key="save_yaml", type="tertiary",
            icon=":material/save:", on_click="ignore",
        )  # fmt: skip
        st.caption(literal(estimate(made)))
