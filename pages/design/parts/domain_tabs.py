"""The tabs of a domain's page, except the workspace and the versions."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from engine import modes
from engine.domains import catalog
from engine.domains.strict_yaml import yaml_value
from engine.errors import InputError
from engine.planning import pack_lints
from engine.planning.goals import warning
from engine.types import Domain, Question, workspace_of
from pages._ui.badges import mode_name
from pages._ui.buttons import button
from pages._ui.dialogs import open_after_page
from pages._ui.format import bytes_size, count, plural
from pages._ui.layout import empty_state
from pages._ui.routes import open_page, page_link
from pages._ui.text import literal, plain
from pages.design.parts.draft.deleting import HELP, take_out, take_question
from pages.design.parts.draft.domain_draft import Draft, checked, draft_named, faults
from pages.design.parts.draft.domain_editor import error_lines, file_state, text_editor
from pages.design.parts.draft.problems import Problem, problems_list, problems_of
from pages.design.parts.templates.template_files import TemplateFile, template_files, template_paths
from pages.design.parts.tools.shared_tools import draw_shared, share_file, shared_in
from pages.design.parts.tools.tool_files import ToolFile, add_tool_file, switch, tool_files
from storage.designing.domains import DomainRow

_NEW_TEMPLATE = """id: {id}
title: Say in one line what the user asks
goal: You want to know ...
slots:
  - query: select path from files order by path
turns:
  - say:
      - "..."
    chain: []
    answer:
      - "..."
    facts: []
"""


def draw_overview(row: DomainRow, draft: Draft) -> None:
    """Draw the description, figures and problems of the domain, and which template serves which mode."""
    files = draft.files()
    with st.spinner("Checking the pack", show_time=False):
        domain, problems = checked(files)
    plain(domain.description if domain else row.description)
    st.caption(literal(f"{row.category} · {row.id}" + (f" · licence {domain.licence}" if domain else "")))
    _numbers(domain, files)
    if domain is None:
        title = f"{plural(len(problems), 'problem')} to mend before this can be saved:"
        problems_list(problems, title=title, domain=row.id)
        return
    _findings(domain, row.id, unsaved=bool(draft.changes))
    if domain.templates:
        st.header("Modes served per template", anchor=False)
        _modes(domain, files)


def _numbers(domain: Domain | None, files: dict[str, bytes]) -> None:
    """Draw how much a pack holds; `domain` is None where it cannot be parsed."""
    workspace = workspace_of(files)
    offered = [tool for one in tool_files(files) if one.active for tool in one.tools]
    offered += [tool for tools in shared_in(files).values() for tool in tools]
    with st.grid(5, min_column_width=120):
        distractors = sum(tool.distractor for tool in offered)
        st.metric(
            "Tools",
            count(len(offered)),
            border=True,
            help=f"{plural(distractors, 'distractor')} among them, offered in modes with distractors only.",
        )
        active = [path for path in template_paths(files) if not path.endswith(".off")]
        st.metric("Templates", count(len(active)), border=True)
        st.metric("Questions", count(len(domain.questions) if domain else None), border=True)
        st.metric("Workspace files", count(len(workspace)), border=True)
        st.metric("Workspace size", bytes_size(sum(map(len, workspace.values()))), border=True)


def _findings(domain: Domain, id: str, *, unsaved: bool) -> None:
    """Draw what a domain lacks for a batch and which faults would cost tasks, or that there is nothing wrong."""
    wanting = problems_of(catalog.lacking(domain.tools, domain.templates))
    if wanting:
        title = "No batch can use this domain yet. It can be saved as it is, and needs:"
        problems_list(wanting, title=title, domain=id, warn=True)
    if found := faults(domain):
        title = f"It can be saved, but {plural(len(found), 'problem')} would cost tasks:"
        problems_list(found, title=title, domain=id, warn=True)
    elif not wanting:
        as_it_stands = " as it stands here, unsaved changes included" if unsaved else ""
        st.success(f"Every file was read and checked{as_it_stands}: no problem found.", icon=":material/check_circle:")
    if wide := [template.id for template in domain.templates if warning(template)]:
        st.warning(
            f"Not every turn has a goal in {literal(', '.join(wide))}: a task with fewer requests then wants more than "
            "its dialogue asks.",
            icon=":material/warning:",
        )
    for text in pack_lints.warnings(domain, goals=False):
        st.warning(literal(text), icon=":material/warning:")


def _modes(domain: Domain, files: dict[str, bytes]) -> None:
    there = modes.names()
    rows = [
        {"Template": one.id, **{mode_name(mode): "✓" if mode in one.modes else "" for mode in there}}
        for one in template_files(files, domain)
        if one.active
    ]
    total = {mode: sum(1 for row in rows if row[mode_name(mode)]) for mode in there}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=f"modes_{domain.id}",
        alt="Modes served per template",
        height=min(len(rows), 14) * 35 + 38,
        column_config={
            "Template": st.column_config.TextColumn("Template", width=190, pinned=True),
            **{mode_name(m): st.column_config.TextColumn(f"{mode_name(m)} ({total[m]})") for m in there},
        },
    )
    absent = [mode_name(mode).lower() for mode in there if not total[mode]]
    if absent:
        st.caption(literal(f"No template serves: {', '.join(absent)}."))


def draw_policy(draft: Draft) -> None:
    """Draw the policy for editing."""
    st.caption("The system prompt of the teacher, in full: who it is, its rules, what is forbidden.")
    text = text_editor(draft, "policy.md", "Policy", height=560, prose=True)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.caption(f"{count(len(text))} characters, about {count(len(text) // 4)} tokens", width="content")
        file_state(draft, "policy.md")
    if not text.strip():
        st.error("The policy is empty. Write the teacher's rules.", icon=":material/error:")


def draw_tools(row: DomainRow, draft: Draft) -> None:
    """Draw the tool files with what each defines."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        field = f"new_tool_{row.id}"
        st.text_input("New tool file", key=field, placeholder="for example refunds", width=260)
        button("Create", key=f"{field}_go", icon=":material/add:", on_click=add_tool_file, args=(row.id, field))
    if name := st.session_state.pop("open_tool", None):
        open_page("tool", domain=row.id, name=name)
    draw_shared(row.id, draft)
    found = tool_files(draft.files())
    for one in found:
        _tool_file(row.id, draft, one)
    if not found and not shared_in(draft.files()):
        empty_state("No tools", "A domain needs at least one. Create a tool file above.", icon="build")


def _tool_file(id: str, draft: Draft, one: ToolFile) -> None:
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            with st.container(horizontal=True, width="content", vertical_alignment="center", gap="small"):
                page_link("tool", literal(one.name), icon="build", domain=id, name=one.module)
                _tool_badges(draft, one)
            with st.container(horizontal=True, width="content", gap="small"):
                shareable = any(not tool.distractor for tool in one.tools)
                if shareable and button(
                    "Share",
                    key=f"share_{id}_{one.path}",
                    icon=":material/share:",
                    type="tertiary",
                    help="Put this tool file into the library, so that other domains can use it.",
                ):
                    open_after_page(lambda: share_file(id, one))
                if not one.private:
                    label, icon = ("Deactivate", "pause") if one.active else ("Activate", "play_circle")
                    button(
                        label,
                        key=f"switch_{id}_{one.path}",
                        icon=f":material/{icon}:",
                        type="tertiary",
                        on_click=switch,
                        args=(id, one.path),
                        kwargs={"on": not one.active},
                    )
                button(
                    "Delete",
                    key=f"delete_{id}_{one.path}",
                    icon=":material/delete:",
                    type="tertiary",
                    on_click=take_out,
                    args=(id, [one.path], one.path),
                    help=HELP,
                )
        for tool in one.tools:
            effect = ":orange[writes]" if tool.effect == "write" else ":blue[reads]"
            names = ", ".join(tool.parameters.get("properties", {})) or "no arguments"
            st.markdown(f"**{literal(tool.name)}** {effect} :gray[({literal(names)})]  \n{literal(tool.description)}")
        for problem in one.problems:
            st.caption(f":red[:material/error:] {literal(problem)}")


def _tool_badges(draft: Draft, one: ToolFile) -> None:
    if not one.active:
        st.badge("inactive", icon=":material/pause_circle:", color="gray")
    if one.private:
        st.badge("private module", icon=":material/lock:", color="gray")
    if one.name == "distractors.py":
        st.badge("distractors", icon=":material/shuffle:", color="gray", help="Offered in modes with distractors only.")
    if one.problems:
        st.badge("has errors", icon=":material/error:", color="red")
    if one.path in draft.changes:
        st.badge("unsaved", icon=":material/edit:", color="orange")


def draw_templates(row: DomainRow, draft: Draft) -> None:
    """Draw the list of templates, and the field that creates one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        field = f"new_template_{row.id}"
        st.text_input("New template", key=field, placeholder="for example cancel_order", width=260)
        button("Create", key=f"{field}_go", icon=":material/add:", on_click=_add_template, args=(row.id, field))
    if name := st.session_state.pop("open_template", None):
        open_page("template", domain=row.id, template=name)
    with st.spinner("Reading the templates"):
        domain = checked(draft.files())[0] or checked(draft.base())[0]
    found = template_files(draft.files(), domain)
    if not found:
        empty_state("No templates", "A domain needs at least one. Create one above.", icon="assignment")
        return
    _template_table(row.id, draft, found)


def _template_table(id: str, draft: Draft, found: list[TemplateFile]) -> None:
    rows = [
        {
            "open": ":material/open_in_full: Open",
            "Template": one.id,
            "Title": one.title,
            "State": _state(draft, one),
            "Turns": one.turns or None,
            "Calls": one.calls or None,
            "Modes": [mode_name(mode) for mode in one.modes],
        }
        for one in found
    ]
    key = f"template_open_{id}"
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=f"templates_{id}",
        alt="Task templates",
        height=min(len(rows), 16) * 35 + 38,
        column_config={
            "open": st.column_config.ButtonColumn("Open", key=key, type="tertiary", width=90, pinned=True),
            "Title": st.column_config.TextColumn("Title", width="medium"),
            "Modes": st.column_config.ListColumn("Modes", width="large"),
        },
    )
    click = st.session_state.get(key)
    if click and click["row"] < len(found):
        open_page("template", domain=id, template=found[click["row"]].id)


def _state(draft: Draft, one: TemplateFile) -> str:
    words = ["active" if one.active else "inactive"]
    return ", ".join([*words, *(["unsaved"] if one.path in draft.changes else [])])


def _add_template(id: str, field: str) -> None:
    name, draft = str(st.session_state.get(field, "")).strip().removesuffix(".yaml"), draft_named(id)
    if not name.replace("_", "").replace("-", "").isalnum() or name != name.lower() or len(name) > 60:
        st.error("A template's name takes a-z, 0-9, _ and -, for example `cancel_order`.", icon=":material/error:")
        return
    if {f"templates/{name}.yaml", f"templates/{name}.yaml.off"} & draft.files().keys():
        st.error(f"There is a template `{name}` already. Choose another name.", icon=":material/error:")
        return
    draft.put(f"templates/{name}.yaml", _NEW_TEMPLATE.format(id=name).encode())
    st.session_state["open_template"] = name


def draw_questions(draft: Draft) -> None:
    """Draw the questions for editing, with what is wrong and a preview."""
    st.caption("What the policy answers without a call. Modes in which no tool is needed draw from these.")
    left, right = st.columns([1, 1], gap="medium")
    with left:
        text = text_editor(draft, "questions.yaml", "Questions as YAML", height=560)
        file_state(draft, "questions.yaml")
    with right:
        questions, problems = _questions(text)
        if problems:
            problems_list(problems, title="These questions cannot be used yet:")
            error_lines(text, "questions.yaml", problems)
        with st.container(height=620 if len(questions) > 4 else "content", border=False):
            for place, one in enumerate(questions):
                _question(draft.domain, place, one)
        if not questions and not problems:
            st.caption("No questions. Start an entry with `- id: ...`.")


def _question(id: str, place: int, one: Question) -> None:
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{literal(one.say[0])}**", width="content")
            button(
                "Delete",
                key=f"question_gone_{id}_{one.id}",
                icon=":material/delete:",
                type="tertiary",
                on_click=take_question,
                args=(id, place, one.id),
                help=HELP,
            )
        plain(one.answer[0])
        facts = "; ".join(f if isinstance(f, str) else " or ".join(f) for f in one.facts)
        wordings = plural(len(one.say), "wording")
        st.caption(literal(f"{one.id} · {wordings} · the answer must state: {facts}"))


def _questions(text: str) -> tuple[tuple[Question, ...], tuple[Problem, ...]]:
    try:
        return catalog.read_questions(text.encode()), ()
    except InputError as error:
        return (), problems_of(error)


def draw_settings(draft: Draft) -> None:
    """Draw domain.yaml for editing, with what is wrong beside it."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        text = text_editor(draft, "domain.yaml", "Settings as YAML", height=420)
        file_state(draft, "domain.yaml")
    with right:
        try:
            head = yaml_value(text.encode(), "domain.yaml")
        except InputError as error:
            problems_list(problems_of(error), title="It cannot be read:")
            error_lines(text, "domain.yaml", problems_of(error))
            head = None
        if isinstance(head, dict) and head.get("id") != draft.domain:
            st.error(
                f"The id must stay `{literal(draft.domain)}`. Duplicate the domain to give it another id.",
                icon=":material/error:",
            )
        st.markdown(_FIELDS)


_FIELDS = """
| field | what it says |
|---|---|
| `id` | stays; duplicate the domain for another one |
| `name`, `description`, `category` | how lists show it |
| `tool_sources` | where tools come from, default `[python]`; with options `[python, {shell: {timeout: 60}}]` |
| `shared_tools` | files of the shared library that the domain uses, such as `[calculator@1]`; see the Tools tab |
| `link` | slots that two requests of one dialogue share |
| `exclusive` | slots that must differ between them |
| `identity` | tools that check who is speaking; once is enough in a dialogue |
| `state_ignore` | patterns over `path#pointer` that do not count |
| `rubric` | questions about every dialogue: `{version: 1, criteria: [{id, question, counts_as_yes, example_of_no}]}` |
| `git` | the workspace is a git repository |
| `network` | tools may use the network |
| `limits` | seconds, memory, disk, processes, output of one sandbox |
| `licence` | of the pack's content |
"""
