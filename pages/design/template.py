"""One task template: its YAML and problems, the modes that it serves, and its proof."""

from __future__ import annotations

import streamlit as st

from engine.planning.goals import warning
from engine.planning.tasks import modes_of
from engine.types import Domain, TaskTemplate
from pages._ui.badges import mode_name
from pages._ui.buttons import button
from pages._ui.format import plural
from pages._ui.layout import actions, header, missing
from pages._ui.routes import number_parameter, page_link, text_parameter
from pages._ui.text import code_view, literal
from pages.design.parts.draft.deleting import HELP, file_deleted, say_deleted, take_out
from pages.design.parts.draft.domain_draft import Draft, faults, open_draft
from pages.design.parts.draft.domain_editor import error_lines, file_state, save_bar, text_editor
from pages.design.parts.draft.problems import problems_list
from pages.design.parts.templates.proof_view import prove
from pages.design.parts.templates.template_files import checked_template, template_id, template_path
from pages.design.parts.tools.tool_files import switch


def draw_facts(domain: Domain, template: TaskTemplate) -> None:
    """Draw the turns, calls and slots of the template, and the modes that it serves."""
    calls = sum(len(turn.chain) for turn in template.turns)
    asked = sum(map(len, template.rubric.by_kind().values())) if template.rubric else 0
    with st.container(border=True):
        st.markdown(f"**{literal(template.title)}**")
        st.caption(
            f"{plural(len(template.turns), 'user turn')} · {plural(calls, 'call')} · "
            f"{plural(len(template.slots), 'slot query', 'slot queries')}"
            + (f" · workspace {literal(template.variant)}" if template.variant else "")
            + (" · judged by hidden tests" if template.hidden_tests else "")
            + (f" · {plural(asked, 'question')} for the rubric judge" if asked else "")
        )
        with st.container(horizontal=True, gap="small"):
            for mode in modes_of(domain, template):
                st.badge(mode_name(mode), icon=":material/check:", color="blue")


def draw_switch(id: str, path: str) -> None:
    """Draw whether the template is active, with a button that changes it."""
    active = not path.endswith(".off")
    with st.container(horizontal=True, vertical_alignment="center"):
        if active:
            st.badge("active", icon=":material/check_circle:", color="green")
            button(
                "Deactivate",
                key=f"off_{id}_{path}",
                icon=":material/pause:",
                on_click=switch,
                args=(id, path),
                kwargs={"on": False},
                help="Keeps the file, but no task is sampled of it.",
            )
        else:
            st.badge("inactive", icon=":material/pause_circle:", color="gray")
            button(
                "Activate",
                key=f"on_{id}_{path}",
                icon=":material/play_circle:",
                on_click=switch,
                args=(id, path),
                kwargs={"on": True},
            )


def draw_reference(draft: Draft) -> None:
    """Draw the keys that a template may have, as a reminder beside the editor."""
    with st.expander("What a template may hold", icon=":material/help:"):
        code_view(_KEYS, key="template_keys", language="yaml")


_KEYS = """id: its own name, as the file is called
title: one line for lists
goal: what the user wants in all the requests, over slots
slots: [{query: a SELECT over the workspace, unique: a SELECT that must give one row}]
turns:            # 1 to 4 user turns
  - goal: what the user wants in this request; it may lean on those before it. A task joins the goals of its requests.
    say: [wordings of the request]
    # {% if not known %}...{% endif %} in say and goal: left out where an earlier request told who is speaking
    chain: [{call: tool, arguments: {name: "{{ slot }}"}, save: result}]
    answer: [good answers, over slots and saved results]
    facts: [what the answer must state]
    withhold: {slot: name, say: [...], ask: [...], reveal: [...]}
modes: [only these modes]
variant: a folder under variants/
hidden_tests:     # they decide in place of the comparison with the reference's end state
  probes: [hidden/file.py]   # functions probe_...() that return values; hidden/file.json holds {probe_...: right value}
  allowed: [globs of files that may change]
  # or a test program, which the code that it tests could tell what to say:
  # {files: {path: hidden/file}, command: [python3, file.py], expects: last line of its output}
rubric:           # yes/no questions that the rubric judge asks about tasks of this template
  version: 1      # raise it when a question changes; it is written into every score
  success: [{id: name, question: over slots, counts_as_yes: what a yes takes, example_of_no: what a no looks like}]
  expected_tool_use: [more of them; request is the number of the one that a question is about, none means all]
  checkpoints: [more of them, each with a weight if it is not 1]
tags: [words]
"""

row, draft = open_draft(text_parameter("domain"))
files = draft.files()
path = template_path(files, text_parameter("template"))
if path is None:
    name = text_parameter("template")
    if not file_deleted(draft, (f"templates/{name}{end}" for end in (".yaml", ".yml", ".yaml.off", ".yml.off"))):
        missing("task template", "domains", "All domains")
    header(f"{name}.yaml")
    save_bar(row, draft)
    say_deleted("template", row.id, "Templates")
    st.stop()

with actions(path.removeprefix("templates/")):
    page_link("domain", literal(row.name), icon="arrow_back", id=row.id, tab="Templates")
    button(
        "Delete",
        key=f"delete_{row.id}_{template_id(path)}",
        icon=":material/delete:",
        type="tertiary",
        on_click=take_out,
        args=(row.id, [path], path),
        help=HELP,
    )
save_bar(row, draft)
left, right = st.columns([1, 1], gap="medium")
with left:
    source = text_editor(draft, path, "Template as YAML", height=640)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        draw_switch(row.id, path)
        file_state(draft, path)
    draw_reference(draft)
with right:
    domain, template, problems = checked_template(draft.files(), path)
    active, line = path.removesuffix(".off"), number_parameter("line")
    found = [one for one in faults(domain) if one.file == active] if domain else []
    if problems:
        problems_list(problems, title="This template cannot be used yet:")
    elif found:
        problems_list(found, title="No task can be made of this template, or not of all of it:", warn=True)
    error_lines(source, active, (*problems, *found), line=line if problems or found else None)
    if domain is not None and template is not None:
        if wide := warning(template):
            st.warning(literal(wide), icon=":material/warning:")
        draw_facts(domain, template)
        st.header("Prove", anchor=False)
        if path.endswith(".off"):
            st.caption("Activate it to prove it; it need not be saved for that.")
        else:
            prove(draft, template, modes_of(domain, template))
