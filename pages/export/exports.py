"""Recipes and downloads of training files: choose, count, preview, build, download."""

from __future__ import annotations

import shutil
from itertools import islice
from typing import Any, get_args

import streamlit as st
from pydantic import ValidationError

from engine import settings
from engine.errors import InputError
from engine.exporting.build import preview
from engine.exporting.target import find
from engine.types import NameStyle, Recipe, TrajectoryFilter
from pages._ui.badges import badge, words
from pages._ui.buttons import button
from pages._ui.confirm_buttons import delete_button
from pages._ui.database import db, saving
from pages._ui.engine_requests import engine_alive
from pages._ui.filters import clear_filter, filter_bar, filter_parameters
from pages._ui.format import bytes_size, count, moment, plural
from pages._ui.layout import actions, empty_state
from pages._ui.messages import keep_message, notice, show_messages
from pages._ui.routes import page_link
from pages._ui.text import literal
from pages.export.parts.downloads import LIFETIME, export_url
from pages.export.parts.environment_form import draw_environments
from pages.export.parts.length_form import length_form
from pages.export.parts.publish import publish
from pages.export.parts.row_view import rows_view
from pages.export.parts.target_form import container_form, loading, options_form, target_form, title, untrained_form
from storage.exporting import exports, recipes
from storage.exporting.exports import ExportRow
from storage.reviewing import trajectories
from storage.serving import requests

PREVIEWED = 5
LOOKED_AT = 400
"""Trajectories that the preview reads at most."""
SHOWN = 10
"""Exports that are listed at first."""
REPORTED = {
    "Rows per split": "splits",
    "Dropped, by reason": "dropped",
    "Reshaped": "changed",
    "Fields lost": "lost",
}
JSON_TEXT = ("json_text", "json_text_of_mixed_types")
NAME_STYLES: dict[NameStyle, str] = {
    "snake_case": "snake_case",
    "camel_case": "camelCase",
    "pascal_case": "PascalCase",
    "upper_case": "UPPER_CASE",
    "mixed": "One of these for each task",
    "random": "Random letters",
}
SPLITS = ("train", "validation", "test")
SHARES = {"train": 90, "validation": 10, "test": 0}


def recipe_form(chosen: TrajectoryFilter) -> tuple[Recipe | None, str]:
    """Draw the form; return (the recipe, or None with the reason drawn; the tokenizer for the preview, or "")."""
    target, kind = target_form()
    name, licence = names_form()
    options = options_form(target, kind)
    if options is None:
        return None, ""
    with st.grid(5, min_column_width=130):
        shares = {s: st.number_input(f"{words(s)} %", 0, 100, SHARES[s], 5, key=f"export_share_{s}") for s in SPLITS}
        seed = st.number_input("Seed of the split", 0, 2**31, 0, key="export_seed")
        untrained = untrained_form(target)
    container = container_form(target, kind)
    tokenizer, limit, counts = length_form()
    chosen_rows = rows_form(target)
    if total := sum(shares.values()) - 100:
        much = f"{abs(total)} too much" if total > 0 else f"{abs(total)} are missing"
        st.error(f"The splits must sum to 100 %; they sum to {total + 100} %, so {much}.", icon=":material/error:")
        return None, ""
    if not counts:
        return None, ""
    values = {
        "name": name,
        "target": target,
        "format": kind,
        "filter": chosen,
        "splits": {s: share / 100 for s, share in shares.items() if share},
        "seed": int(seed),
        "untrained": untrained,
        "licence": licence.strip() or "unknown",
        "options": options,
        "container": container,
        "context": limit,
        **chosen_rows,
    }
    try:
        return Recipe.model_validate(values), tokenizer
    except ValidationError as error:
        for one in error.errors():
            st.error(literal(one["msg"].removeprefix("Value error, ")), icon=":material/error:")
        return None, ""


def rows_form(target: str | None) -> dict[str, Any]:
    """Draw which trajectories leave beside those that were kept, and how they are altered; return these fields of a
    recipe."""
    with st.container(horizontal=True):
        needed = target is not None and find(target).rejected_too
        if needed:
            st.caption("It takes what the judges rejected too, as the worse side.")
        rejected = needed or st.checkbox("Also what the judges rejected", key="export_rejected")
        accepted = st.checkbox("Only what a human accepted", key="export_accepted")
        tool_names = st.selectbox(
            "Names of tools",
            get_args(NameStyle),
            None,
            key="export_tool_names",
            format_func=NAME_STYLES.__getitem__,
            placeholder="As they were called",
            width=240,
            help="Other names keep a model from learning names by heart. They are the same in tools, calls, results, "
            "policy and answers of one task, and follow from the seed.",
        )
        labels = st.checkbox(
            "Add labels",
            key="export_labels",
            help="In the metadata: for each answer whether it modifies, looks up or calls nothing, and the kinds of "
            "dialogue that the trajectory belongs to. The report counts where a format has no place for them.",
        )
    return {"include_rejected": rejected, "only_accepted": accepted, "labels": labels, "tool_names": tool_names}


def names_form() -> tuple[str, str]:
    """Draw the name of the dataset and its licence; return both."""
    left, right = st.columns(2)
    name = left.text_input("Name", "dataset", key="export_name", max_chars=80)
    licence = right.text_input(
        "Licence",
        key="export_licence",
        max_chars=80,
        placeholder="as the domains",
        help="The identifier that the dataset card states, for example CC-BY-4.0; left open, it names what the domains "
        "state. Mind the terms of the models used.",
    )
    return name, licence


def outlook(recipe: Recipe, tokenizer: str) -> int:
    """Draw how many trajectories the recipe admits and a preview of the first rows; return the number."""
    number, held_back = recipes.count_admitted(db(), recipe), recipes.awaiting_correction(recipe)
    waiting = trajectories.count(db(), held_back) if held_back else 0
    with st.container(horizontal=True, vertical_alignment="center"):
        st.metric("Trajectories", count(number), width=140)
        with st.container(width="stretch"):
            st.caption(
                "Human verdicts stand above the judges: what a reviewer rejected stays here, what one accepted leaves. "
                "Attempts at one task never fall into different splits."
            )
            if held_back and waiting:
                with st.container(horizontal=True, vertical_alignment="center", key="export_awaiting"):
                    st.caption(
                        f"{plural(waiting, 'trajectory awaits', 'trajectories await')} a correction and "
                        f"{'stays' if waiting == 1 else 'stay'} here until a reviewer writes it.",
                        width="content",
                    )
                    page_link("queue", "Correct them", icon="pending_actions", **filter_parameters(held_back))
    if not number:
        st.info("Nothing to export: no trajectory matches the filters and switches.", icon=":material/info:")
        return 0
    with st.expander(
        f"First {PREVIEWED} rows", key="export_preview", on_change="rerun", icon=":material/preview:"
    ) as opened:
        if opened.open:
            first_rows(recipe, tokenizer)
    return number


def first_rows(recipe: Recipe, tokenizer: str) -> None:
    """Draw the preview, with tokens where a tokenizer is named."""
    try:
        rows = preview(
            recipe, islice(trajectories.stream(db(), recipes.likely_admitted(recipe), chunk=50), LOOKED_AT), PREVIEWED
        )
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    if rows:
        rows_view(recipe, rows, tokenizer)
    else:
        st.caption(f"None of the first {LOOKED_AT} trajectories gives a row in this format.")


def build(recipe: Recipe) -> None:
    """Record the export and ask the engine to build it."""
    with saving("Export started"):
        number = exports.create_export(db(), recipe)
        requests.submit(db(), "build_export", {"export_id": number})


def remove(row: ExportRow) -> None:
    """Delete an export and its file."""
    with saving():
        exports.delete_export(db(), row.id)
        shutil.rmtree(settings.read().exports / str(row.id), ignore_errors=True)
        keep_message("Export deleted")
        st.rerun()


def report(row: ExportRow) -> None:
    """Draw the fidelity report: rows in and out, what was dropped and why, what the format cannot carry."""
    facts: dict[str, Any] = row.report
    with st.grid(4, min_column_width=110):
        st.metric("Trajectories in", count(facts.get("trajectories")))
        st.metric("Exported", count(facts.get("exported")))
        st.metric("Rows", count(row.rows))
        st.metric("Dropped", count(sum(facts.get("dropped", {}).values())))
    for head, name in REPORTED.items():
        if facts.get(name):
            told = ", ".join(f"{words(k.replace(':', ': '))} {count(v)}" for k, v in facts[name].items())
            st.caption(literal(f"{head}: {told}"))
    if tokens := facts.get("control_tokens"):
        told = ", ".join(f"{token} {count(number)}" for token, number in tokens.items())
        st.caption(literal(f"Trajectories with control tokens inside their texts: {told}"))
    if texts := [one for name in JSON_TEXT for one in facts.get("container", {}).get(name, ())]:
        st.caption(literal(f"Written as JSON text, since a column has one type: {', '.join(texts)}"))
    if beyond := facts.get("beyond_context"):
        many = plural(beyond["trajectories"], "trajectory", "trajectories")
        st.caption(literal(f"Beyond {count(beyond['tokens'])} tokens: {many}"))
        longest = ", ".join(f"#{number} ({count(tokens)})" for number, tokens in beyond["longest"].items())
        if longest:
            st.caption(literal(f"The longest, with their tokens: {longest}"))
    if facts.get("never_carried"):
        st.caption(literal("This format never carries: " + ", ".join(facts["never_carried"])))
    if row.sha256:
        st.caption(f"SHA-256 {row.sha256}")
    loading(row.recipe, key=f"loading_{row.id}")
    st.code(row.recipe.model_dump_json(indent=1, exclude_defaults=True), language="json", wrap_lines=True)


def card(row: ExportRow) -> None:
    """Draw one export with its download."""
    with st.container(border=True, key=f"export_{row.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            with st.container(horizontal=True, width="content", vertical_alignment="center"):
                st.markdown(f"**{literal(row.recipe.name)}**", width="content")
                badge("export", row.status)
                made_for = f"for {title(row.recipe.target)} · " if row.recipe.target else ""
                files = f" · {row.recipe.container.ending}" if row.recipe.container else ""
                told = f"{made_for}{row.recipe.format}{files} · {moment(row.created_at)}"
                if row.status == "done":
                    told += f" · {plural(row.rows or 0, 'row')} · {bytes_size(row.size)}"
                st.caption(literal(told), width="content")
            with st.container(horizontal=True, width="content"):
                if row.status == "done":
                    st.link_button("Download", export_url(row.id), icon=":material/download:")
                lost = f" and its file of {bytes_size(row.size)}" if row.status == "done" and row.size else ""
                if delete_button(
                    f"Delete the export **{literal(row.recipe.name)}**{lost}? The trajectories stay.",
                    key=f"delete_{row.id}",
                ):
                    remove(row)
        if row.status == "failed":
            notice("error", literal(row.error or "It could not be built."), icon="error")
        if row.status == "done":
            with st.expander("Fidelity report and recipe", key=f"report_{row.id}", on_change="rerun") as opened:
                if opened.open:
                    report(row)
            with st.expander("Push to Hugging Face", key=f"publish_{row.id}", on_change="rerun") as opened:
                if opened.open:
                    publish(row)


def history() -> None:
    """Draw the exports, newest first; polls while one is being built."""
    show_messages()
    shown = st.session_state.get("exports_shown", SHOWN)
    rows = exports.list_exports(db(), limit=shown + 1)
    if not rows:
        empty_state("No exports yet", "Choose a format above and build the first one.", icon="download")
        return
    if any(row.status in ("waiting", "running") for row in rows):
        if not engine_alive(db()):
            notice("warning", "No engine is answering, so nothing is built. See Settings.", icon="power_off")
    elif st.session_state.pop("exports_moving", False):
        st.rerun()
    for row in rows[:shown]:
        card(row)
    if len(rows) > shown:
        button("Show older ones", key="older_exports", type="tertiary", on_click=show_more)


def show_more() -> None:
    """Show more of the older exports."""
    st.session_state["exports_shown"] = st.session_state.get("exports_shown", SHOWN) + SHOWN


with actions("Exports", "Training files from what was kept. This product trains nothing; it hands you the files."):
    corner = st.container(width="content")
filter_now = filter_bar(db())
with corner:
    clear_filter()
with st.container(border=True):
    made, tokenizer = recipe_form(filter_now)
    number = outlook(made, tokenizer) if made is not None else 0
    pressed = button(
        "Build the export", type="primary", icon=":material/inventory_2:", key="build_export", disabled=not number
    )
    if pressed and made is not None and number:
        build(made)
with st.expander(
    "Runnable environment", key="environments", on_change="rerun", icon=":material/deployed_code:"
) as environments:
    if environments.open:
        draw_environments()
st.header("Built so far", anchor=False)
moving = any(row.status in ("waiting", "running") for row in exports.list_exports(db(), limit=SHOWN))
if moving:
    st.session_state["exports_moving"] = True
st.fragment(history, run_every=1.0 if moving else LIFETIME / 3)()  # the links are signed for LIFETIME seconds
