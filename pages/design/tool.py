"""One tool file: its source, the schema derived from it, and a form to try a tool in a sandbox."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from engine.types import Tool
from pages._ui.buttons import button
from pages._ui.layout import actions, header, missing
from pages._ui.routes import page_link, text_parameter
from pages._ui.schema_form import type_words
from pages._ui.text import json_view, literal, plain
from pages.design.parts.draft.deleting import HELP, file_deleted, say_deleted, take_out
from pages.design.parts.draft.domain_draft import open_draft
from pages.design.parts.draft.domain_editor import error_lines, file_state, save_bar, text_editor
from pages.design.parts.draft.problems import problems_list
from pages.design.parts.tools.tool_files import ToolFile, derived, find_tool_file, switch
from pages.design.parts.tools.try_tool import try_tool


def draw_status(id: str, one: ToolFile, problems: tuple[str, ...]) -> None:
    """Draw whether the file is active, with a button that changes it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if one.private:
            st.badge("private module", icon=":material/lock:", color="gray", help="Tools import it; it defines none.")
        elif one.active:
            st.badge("active", icon=":material/check_circle:", color="green")
        else:
            st.badge("inactive", icon=":material/pause_circle:", color="gray", help="Kept, but no tool of the domain.")
        if one.active:
            label = "Deactivate, to save it unfinished" if problems else "Deactivate"
            button(
                label,
                key=f"off_{id}_{one.path}",
                icon=":material/pause:",
                on_click=switch,
                args=(id, one.path),
                kwargs={"on": False},
                help="Keeps the file as tools/name.py.off. Templates that call it must go first.",
            )
        else:
            button(
                "Activate",
                key=f"on_{id}_{one.path}",
                icon=":material/play_circle:",
                on_click=switch,
                args=(id, one.path),
                kwargs={"on": True},
                disabled=bool(problems),
                help="Mend the errors first." if problems else None,
            )


def draw_schema(tool: Tool, *, key: str) -> None:
    """Draw one tool as the model sees it."""
    with st.container(horizontal=True, gap="small"):
        writes = tool.effect == "write"
        st.badge(
            "writes" if writes else "reads",
            icon=":material/edit_document:" if writes else ":material/visibility:",
            color="orange" if writes else "blue",
        )
        if tool.distractor:
            st.badge("distractor", icon=":material/shuffle:", color="gray")
    plain(tool.description)
    required = tool.parameters.get("required", [])
    rows = [
        {
            "Parameter": name,
            "Type": type_words(schema),
            "Needed": "yes" if name in required else "no",
            "Description": schema.get("description", ""),
        }
        for name, schema in tool.parameters.get("properties", {}).items()
    ]
    if rows:
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            key=f"{key}_rows",
            alt=f"Parameters of {tool.name}",
            height="content",
            column_config={"Description": st.column_config.TextColumn("Description", width="large")},
        )
    with st.expander("JSON Schema", icon=":material/data_object:"):
        json_view(tool.schema_for_model(), key=f"{key}_json", expanded=True)


def draw_source(id: str, one: ToolFile) -> tuple[Tool, ...]:
    """Draw the editor and the problems of the source; return the tools that it defines."""
    source = text_editor(
        draft, one.path, "Python source", height=min(900, max(320, 21 * (draft.text(one.path).count("\n") + 3)))
    )
    tools, problems = derived(one.path.removesuffix(".off"), source)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        draw_status(id, one, problems)
        file_state(draft, one.path)
    if problems:
        problems_list(problems, title="This source defines no tools yet:")
        error_lines(source, one.path.removesuffix(".off"), problems)
        if one.active and not one.private:
            st.caption("It cannot be saved as active. Mend it, or deactivate it to save it unfinished.")
    return tools


row, draft = open_draft(text_parameter("domain"))
found = find_tool_file(draft.files(), text_parameter("name"))
if found is None:
    name = text_parameter("name").removesuffix(".py")
    if not file_deleted(draft, (f"tools/{name}.py", f"tools/{name}.py.off")):
        missing("tool file", "domains", "All domains")
    header(f"{name}.py")
    save_bar(row, draft)
    say_deleted("tool file", row.id, "Tools")
    st.stop()

with actions(found.name):
    page_link("domain", literal(row.name), icon="arrow_back", id=row.id, tab="Tools")
    button(
        "Delete",
        key=f"delete_{row.id}_{found.module}",
        icon=":material/delete:",
        type="tertiary",
        on_click=take_out,
        args=(row.id, [found.path], found.path),
        help=HELP,
    )
save_bar(row, draft)
left, right = st.columns([1, 1], gap="medium")
with left:
    defined = draw_source(row.id, found)
with right:
    if defined:
        names = [tool.name for tool in defined]
        wanted = text_parameter("name")
        name = st.selectbox(
            "Tool, as the model sees it",
            names,
            names.index(wanted) if wanted in names else 0,
            key=f"tool_{row.id}_{found.module}",
            help="Derived from signature and docstring as you type.",
        )
        chosen = next((tool for tool in defined if tool.name == name), defined[0])
        draw_schema(chosen, key=f"schema_{row.id}_{chosen.name}")
        try_tool(draft, found.path, chosen)
    elif found.private:
        st.caption("A private module defines no tools. Open the file that imports it to try a change.")
    else:
        st.caption("The schema and the form to try the tool appear here once the source is in order.")
