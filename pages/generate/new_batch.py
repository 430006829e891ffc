"""The form that launches a batch."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine.errors import InputError, InputErrors
from engine.planning import planner
from engine.planning.batch_file import batch_of, dump_batch, parse_batch
from engine.planning.model_fit import with_profiles
from engine.types import Batch, Domain, Persona
from pages._ui.buttons import button
from pages._ui.confirm_buttons import drop_button
from pages._ui.database import db, saving
from pages._ui.format import money, plural, seconds
from pages._ui.layout import actions, empty_state
from pages._ui.messages import keep_message, notice
from pages._ui.outside_packs import ask_to_allow
from pages._ui.routes import number_parameter, open_page
from pages._ui.text import literal
from pages.generate.parts import batch_draft, batch_form, plan_view, players_form
from pages.generate.parts.model_fit_view import model_fit
from storage.designing import domains, personas
from storage.generating import batches, endpoints, pace, pilot

TRY = 3
LARGEST = 1 << 20
"""Bytes of a batch file."""


def launch(batch: Batch, form_done: bool) -> None:
    """Create the batch and have the next pass open it; `form_done` empties the form."""
    with saving():
        st.session_state["launched"] = (batches.create_batch(db(), batch), form_done)
        keep_message("Batch launched")
        st.rerun()


def sentences(error: InputError) -> list[str]:
    """Return the sentences of an error, one for each wrong field."""
    return [str(one) for one in (error.errors if isinstance(error, InputErrors) else [error])]


def prepared(batch: Batch) -> tuple[Batch, dict[str, Domain], list[Persona]]:
    """Return the batch as it would be stored, its domains by digest and its personas. Raises InputError."""
    found = {share.id: domains.get_domain(db(), share.id) for share in batch.domains}
    shares = tuple(s.model_copy(update={"digest": found[s.id].digest}) for s in batch.domains)
    known = {row.persona.id: row.persona for row in personas.list_personas(db())}
    people = [known[id] for id in batch.personas or known if id in known]
    if len(people) < len(batch.personas):
        unknown = next(id for id in batch.personas if id not in known)
        raise InputError("personas", f"there is no persona {unknown!r}.", "Choose personas from the list.")
    pinned = batch.pinned().model_copy(update={"domains": shares})
    return pinned, {domain.digest: domain for domain in found.values()}, people


def problems(batch: Batch) -> list[str]:
    """Return why the batch cannot start, in sentences."""
    try:
        planner.check(*prepared(batch))
    except InputError as error:
        return sentences(error)
    return []


def plan(batch: Batch, folded: bool = True) -> None:
    """Draw the planned tasks of a batch that can start; `folded` adds a table of each domain's part."""
    pinned, found, _ = prepared(batch)
    names = {domain.id: domain.name for domain in found.values()}
    if (planned := plan_view.quotas(pinned)) is None:
        return
    several = f", {batch.attempts} attempts each" if batch.attempts > 1 else ""
    st.caption(f"{plural(planned.tasks, 'task')}{several}")
    plan_view.shortfalls(planned, names)
    plan_view.counts(planned, names)
    if folded:
        with st.expander("Tasks of each domain in each mode", icon=":material/table:"):
            plan_view.parts(planned, names)


def ask_for_packs(batch: Batch, place: str = "form") -> bool:
    """Draw which domains of a batch that can start must be allowed first; return whether there is one."""
    pinned, found, _ = prepared(batch)
    return ask_to_allow({digest: domain.name for digest, domain in found.items()}, pinned.sandbox, place=place)


def few_of(batch: Batch) -> Batch:
    """Return the batch with a few trajectories only, of as many modes and domains as possible."""
    return batch.model_copy(
        update={
            "trajectories": TRY,
            "attempts": 1,
            "name": f"{batch.name[:100]} (first {TRY})",
            "pilot_of": batch.trajectories,
            "expected_cost_usd": None,
            "modes": {mode: float(weight > 0) for mode, weight in batch.modes.items()},
            "domains": tuple(share.model_copy(update={"weight": 1.0}) for share in batch.domains),
            "plan_version": None,
        }
    )


def estimate(batch: Batch) -> tuple[str, float | None]:
    """Return (sentence, dollars for a kept trajectory or None): what the batch will take by its newest pilot, else by
    finished batches, of the same domains, players and judges."""
    finished = batches.list_batches(db(), limit=50, statuses=("done",))
    tried = pilot.latest_pilot(batch, finished)
    if tried is not None and (by_pilot := pilot.pilot_of(db(), tried.id)) is not None:
        took, cost = by_pilot.whole(batch.trajectories, batch.concurrency)
        per_kept = by_pilot.cost_per_kept
        where = f"the pilot #{tried.id}, which kept {by_pilot.kept} of {by_pilot.trajectories}"
        return _about(took.mean, cost and cost.mean, where), per_kept and per_kept.mean
    found = pace.estimate(batch, finished)
    if found is None:
        return f"No estimate yet: nothing like it has finished. Try {TRY} first.", None
    where = f"{plural(found.batches, 'finished batch', 'finished batches')} of the same domains, players and judges"
    return _about(found.seconds, found.cost_usd, where), found.cost_per_kept


def _about(took: float, cost: float | None, where: str) -> str:
    price = "a cost that is not known" if cost is None else money(cost)
    return f"About {seconds(took)} and {price}, judging by {where}."


def refusals(reasons: list[str]) -> None:
    """Draw why something cannot be launched."""
    for reason in reasons:
        notice("error", literal(reason), icon="error")


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
            batch = with_profiles(batch, endpoints.profiles(db()))
        except InputError as error:
            refusals(sentences(error))
            return
        st.code(dump_batch(batch), language="yaml")
        refusals(wrong := problems(batch))
        if not wrong:
            model_fit(db(), batch)
            plan(batch, folded=False)
        stopped = bool(wrong) or ask_for_packs(batch, "file")
        with st.container(horizontal=True):
            if button("Launch this file", key="launch_file", icon=":material/rocket_launch:", disabled=stopped):
                launch(batch, False)
            button(
                "Fill in the form",
                key="fill_form",
                icon=":material/edit_note:",
                on_click=batch_draft.start_from,
                args=(batch, True),
                help="Puts its settings into the form below, to look at or change.",
            )


def arrive() -> None:
    """Fill the form from the batch that the address names, once per visit."""
    like = number_parameter("like")
    if like is None or st.session_state.get("like_taken") == like:
        return
    st.session_state["like_taken"] = like
    try:
        row = batches.get_batch(db(), like)
        batch_draft.start_from(
            row.batch if row.imported else row.batch.model_copy(update={"plan_version": row.batch.plan})
        )
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
        values |= batch_form.mix(db(), values["domains"])
    with st.container(border=True):
        st.header("Who plays and who judges", anchor=False)
        players, refused = players_form.players(db())
        values |= players
    with st.container(border=True):
        st.header("Sandbox, limits and budget", anchor=False)
        values |= batch_form.limits(db(), values["teacher"], [*values["models"].values(), *values["panel"]])
    try:
        batch = batch_of(values, "form")
        reasons = [reason for error in refused for reason in sentences(error)] or problems(batch)
    except InputErrors as error:
        batch, reasons = None, sentences(error)
    refusals([reason.removeprefix("form: ") for reason in reasons])
    return None if reasons else batch


if (launched := st.session_state.pop("launched", None)) is not None:
    if launched[1]:
        batch_draft.start_anew()
    open_page("batch", id=launched[0])

with actions("New batch", "Everything here is stored with the batch, so it can be repeated exactly."):
    if drop_button(
        "Start over",
        "Empty the form? What you typed is lost.",
        key="start_over",
        edited=batch_draft.edited(),
        yes="Empty it",
        type="tertiary",
        icon=":material/restart_alt:",
    ):
        batch_draft.start_anew()
        st.rerun()
if not domains.list_domains(db()):
    empty_state("No domain to generate from", "A batch needs at least one domain.", action="Domains", page="domains")
    st.stop()

arrive()
from_file()
made = form()
if made is not None:
    with st.container(border=True):
        st.header("Plan", anchor=False)
        model_fit(db(), made)
        plan(made)
batch_draft.note_began()
asked = made is not None and ask_for_packs(made)
with st.container(horizontal=True, vertical_alignment="center"):
    stopped = made is None or asked
    whole = button("Launch", type="primary", icon=":material/rocket_launch:", key="launch", disabled=stopped)
    few = made and few_of(made)
    first = button(
        f"Try {TRY} first",
        icon=":material/science:",
        key="try_first",
        disabled=stopped,
        help="Three trajectories, of three modes and three domains where there are as many, to look at before you pay "
        "for all of them. The form stays as it is.",
    )
    if made is not None:
        st.download_button(
            "Save as YAML",
            dump_batch(made.pinned()),
            f"{made.name}.yaml",
            "application/yaml",
            key="save_yaml",
            type="tertiary",
            icon=":material/save:",
            on_click="ignore",
        )
        said, expected = estimate(made)
        st.caption(literal(said))
        made = made.model_copy(update={"expected_cost_usd": expected})
if made and few and (whole or first):
    launch(made if whole else few, form_done=whole)
