"""Try a tool: a form made from its schema, one call in a sandbox, the result and the changes."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from engine.reading.json_value import whole
from engine.types import StateDiff, Tool, ToolResult
from pages._ui.badges import words
from pages._ui.buttons import button
from pages._ui.database import db
from pages._ui.diff_view import diff_view
from pages._ui.engine_requests import ask, poll
from pages._ui.format import seconds
from pages._ui.schema_form import json_arguments, schema_form
from pages._ui.text import code_view, json_view, literal
from pages.design.parts.draft.domain_draft import Draft


def try_tool(draft: Draft, path: str, tool: Tool) -> None:
    """Draw the form for a tool of a file, and the result of the latest try."""
    key = f"try_{draft.domain}_{path}"
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.header("Try it", anchor=False, width="content")
        form = st.segmented_control(
            "Arguments",
            ["Form", "JSON"],
            default="Form",
            required=True,
            key=f"{key}_form",
            label_visibility="collapsed",
        )
    variant = _variant(draft, key)
    if form == "JSON":
        text = st.text_area("Arguments as JSON", "{}", key=f"code_{key}_{tool.name}_json", height=120)
        arguments, problems = json_arguments(text)
    else:
        arguments, problems = schema_form(tool, key=f"{key}_{tool.name}")
    pressed = button(
        "Try it",
        key=f"{key}_go",
        icon=":material/play_arrow:",
        help="Calls the tool in a fresh sandbox with what stands in the editor, saved or not.",
    )
    if pressed and not problems:
        _ask(draft, path, tool.name, arguments, variant, key)
    for problem in problems:
        st.caption(f":orange[:material/info:] {literal(problem)}")
    _answer(key)


def _variant(draft: Draft, key: str) -> str | None:
    names = sorted({path.split("/")[1] for path in draft.files() if path.startswith("variants/")})
    if not names:
        return None
    return st.selectbox("Workspace", [None, *names], key=f"{key}_variant", format_func=lambda v: v or "plain")


def _ask(draft: Draft, path: str, name: str, arguments: dict[str, Any], variant: str | None, key: str) -> None:
    overrides = draft.overrides()
    if path.endswith(".off"):
        overrides[path.removesuffix(".off")] = draft.text(path)
    payload = {
        "domain": draft.domain,
        "version": draft.based_on,
        "overrides": overrides,
        "tool": name,
        "arguments": arguments,
        "variant": variant,
    }
    st.session_state[f"{key}_asked"] = {"tool": name, "arguments": arguments}
    ask(db(), "try_tool", payload, key=key)


def _answer(key: str) -> None:
    row = poll(db(), key, waiting="Calling the tool in a sandbox")
    if row is None or row.status != "done":
        return
    asked = st.session_state.get(f"{key}_asked") or {}
    result = ToolResult.model_validate(row.result["result"])
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            if result.fault is None:
                st.badge("answered", icon=":material/check_circle:", color="green")
            else:
                st.badge(words(result.fault), icon=":material/error:", color="red", help=_FAULTS.get(result.fault))
            if result.truncated:
                st.badge(
                    "cut", icon=":material/content_cut:", color="orange", help="The result was longer than allowed."
                )
            took = seconds(result.seconds)
            st.caption(
                literal(f"{asked.get('tool', 'tool')} · {took} · {row.result.get('sandbox', '')}"), width="content"
            )
        value = _value(result.content)
        if isinstance(value, dict | list):
            json_view(value, key=f"{key}_value", expanded=True)
        else:
            code_view(result.content, key=f"{key}_text")
        st.markdown("**What it changed**")
        diff_view(StateDiff.model_validate(row.result["diff"]), key=f"{key}_diff")


_FAULTS = {
    "tool_error": "The tool refused on purpose, with this sentence for the model.",
    "tool_crash": "The tool has a bug: it raised something else than a refusal.",
    "timeout": "The call took longer than the domain's limits allow.",
    "limit": "The call reached a bound of the sandbox.",
}


def _value(content: str) -> Any:
    try:
        return json.loads(content, parse_int=whole)
    except (ValueError, RecursionError):
        return content
