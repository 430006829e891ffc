"""The editor of a correction: its text, and its tool calls in a form made from their schemas or as JSON.

Edits are kept in a `Draft` of the browser session until they are used or dropped, also while the reviewer looks at
another turn or trajectory. The draft holds the calls as JSON text, whichever way they were edited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st
from pydantic import ValidationError

from engine.errors import InputError, InputErrors
from engine.reading.json_value import whole
from engine.reading.schema import argument_error
from engine.types import Tool, ToolCall, Trajectory, Turn
from pages._ui.buttons import button
from pages._ui.confirm_buttons import delete_button
from pages._ui.schema_form import schema_form
from pages._ui.text import error_line, literal

FORM, JSON = "Form", "JSON"


@dataclass
class Draft:
    """The edits of one correction; `began` is its (text, calls) at the start. `shown` are the calls that the fields
    were first drawn with, `generation` and `refreshed` are part of their keys, `way` is the last way of editing."""

    began: tuple[str, str]
    text: str
    calls: str
    shown: str
    way: str = ""
    generation: int = 0
    refreshed: int = 0

    @property
    def edited(self) -> bool:
        return (self.text, self.calls) != self.began

    def draw_anew(self) -> None:
        """Have the fields drawn anew with the present calls."""
        self.generation, self.shown = self.generation + 1, self.calls


def draft_of(name: str, start: Turn) -> Draft:
    """Return the draft `name`; a new or unedited one begins with `start`."""
    drafts: dict[str, Draft] = st.session_state.setdefault("fix_drafts", {})
    began = (start.content, calls_text(start.tool_calls))
    if name not in drafts:
        drafts[name] = Draft(began, *began, began[1])
    draft = drafts[name]
    if draft.began != began and not draft.edited:
        counts = {"generation": draft.generation + 1, "refreshed": draft.refreshed + 1}
        drafts[name] = draft = Draft(began, *began, began[1], draft.way, **counts)
    return draft


def forget_draft(name: str) -> None:
    """Drop the edits of a correction."""
    st.session_state.get("fix_drafts", {}).pop(name, None)


def edit_text(draft: Draft, name: str) -> None:
    """Draw the field for the text."""
    key = f"fix_text_{name}_{draft.refreshed}" if draft.refreshed else f"fix_text_{name}"
    st.text_area(
        "What the assistant should have said",
        draft.text,
        key=key,
        height=120,
        on_change=_keep,
        args=(draft, "text", key),
        placeholder="Leave empty when the turn should only call tools",
    )


def edit_calls(draft: Draft, tools: Mapping[str, Tool], name: str) -> list[str]:
    """Draw the editor of the calls, as a form or JSON; return the problems of the form's fields."""
    if f"fix_way_{name}" not in st.session_state:  # Streamlit drops a widget's state while it is not drawn
        draft.draw_anew()
        draft.way = ""
    fits = _fits(draft.calls, tools)
    chosen = st.segmented_control(
        "Tool calls", [FORM, JSON], default=FORM if fits else JSON, required=True, key=f"fix_way_{name}"
    )
    way = FORM if chosen == FORM and tools and (fits or draft.way == FORM) else JSON
    if draft.way not in ("", way):
        if draft.way == FORM:
            _read_last_edit(draft, tools, name)
        draft.draw_anew()
    draft.way = way
    if way == FORM:
        return _form(draft, tools, name)
    if chosen == FORM:
        st.caption("These calls do not fit a form: they are not JSON, or call a tool that was not offered.")
    key = f"fix_calls_{name}_{draft.generation}" if draft.generation else f"fix_calls_{name}"
    st.text_area(
        "Tool calls as JSON",
        draft.shown,
        key=key,
        height=220,
        on_change=_keep,
        args=(draft, "calls", key),
        help='A list of {"name": …, "arguments": {…}}. Checked against the schemas of the offered tools.',
    )
    return []


def _keep(draft: Draft, field: str, key: str) -> None:
    setattr(draft, field, str(st.session_state[key]))


def _fits(text: str, tools: Mapping[str, Tool]) -> bool:
    try:
        return all(call["name"] in tools and isinstance(call["arguments"], dict) for call in _values(text))
    except InputError:
        return False


def _read_last_edit(draft: Draft, tools: Mapping[str, Tool], name: str) -> None:
    """Read the fields of the form once more without showing them: a browser sends the last edit together with the
    switch to JSON."""
    slot = st.empty()
    with slot.container():
        _form(draft, tools, name)
    slot.empty()


def _form(draft: Draft, tools: Mapping[str, Tool], name: str) -> list[str]:
    found: list[dict[str, Any]] = []
    problems: list[str] = []
    redraw = False
    for place, call in enumerate(_values(draft.shown)):
        key = f"fix_call_{name}_{draft.generation}_{place}"
        with st.container(border=True, gap="small"):
            with st.container(horizontal=True, vertical_alignment="bottom"):
                tool = st.selectbox(f"Call {place + 1}", list(tools), [*tools].index(call["name"]), key=f"{key}_tool")
                gone = delete_button(
                    f"Take call {place + 1} away, with its arguments?", label="Take it away", key=f"{key}_gone"
                )
            arguments, wrong = schema_form(tools[tool], key=f"{key}_{tool}", start=call["arguments"])
        redraw |= gone
        if not gone:
            found.append({"name": tool, "arguments": arguments})
            problems += [f"Call {place + 1} ({tool}), {one}" for one in wrong]
    if button("Add a call", key=f"fix_add_{name}", type="tertiary", icon=":material/add:"):
        found.append({"name": next(iter(tools)), "arguments": {}})
        redraw = True
    draft.calls = _dumped(found)
    if redraw:
        draft.draw_anew()
        st.rerun()
    return problems


# ---------------------------------------------------------------- reading


def calls_text(calls: tuple[ToolCall, ...]) -> str:
    """Return tool calls as the JSON that the form shows."""
    return _dumped(
        [{"name": call.name, "arguments": call.arguments if call.raw is None else call.raw} for call in calls]
    )


def _dumped(calls: list[dict[str, Any]]) -> str:
    return json.dumps(calls, ensure_ascii=False, indent=2) if calls else ""


def read_fix(text: str, calls: str, turn: Turn, trajectory: Trajectory) -> Turn:
    """Return the corrected turn. Raises InputErrors naming each call that breaks a schema, InputError for bad JSON."""
    found = _calls(calls, turn)
    tools = {tool.name: tool for tool in trajectory.tools}
    undeclared = set() if trajectory.domain_digest else {c.name for t in trajectory.turns for c in t.tool_calls}
    errors = []
    for position, call in enumerate(found, 1):
        if call.name not in tools and call.name in undeclared:
            continue  # imported files often call tools that they do not declare
        if call.name not in tools:
            offered = ", ".join(sorted(tools)) or "none"
            errors.append(InputError(f"call {position}", f"there is no tool {call.name!r}.", f"Offered: {offered}."))
        elif problem := argument_error(tools[call.name], call):
            errors.append(InputError(f"call {position} ({call.name})", problem, "Correct the arguments."))
    if errors:
        raise InputErrors(errors)
    if not text.strip() and not found:
        raise InputError("turn", "it would be empty.", "Write a text, or give at least one tool call.")
    return Turn(role="assistant", content=text, tool_calls=found, reasoning=None, train=turn.train)


def show_refusal(draft: Draft, refused: InputError | InputErrors) -> None:
    """Draw the errors of a correction, and the line of its JSON."""
    errors = refused.errors if isinstance(refused, InputErrors) else [refused]
    messages = [literal(str(one)) for one in errors]
    st.error("\n".join(f"- {one}" for one in messages) if len(messages) > 1 else messages[0], icon=":material/rule:")
    if draft.way == JSON:
        error_line(draft.calls, str(errors[0]))


def _values(text: str) -> list[dict[str, Any]]:
    if not text.strip():
        return []
    try:
        values = json.loads(text, parse_int=whole)
    except json.JSONDecodeError as error:
        where = f"tool calls, line {error.lineno}, column {error.colno}"
        raise InputError(where, f"this is not JSON ({error.msg}).", "Correct the brackets and quotes.") from error
    if not isinstance(values, list) or not all(isinstance(v, dict) and set(v) == {"name", "arguments"} for v in values):
        raise InputError("tool calls", "this is no list of calls.", 'Write [{"name": "…", "arguments": {…}}].')
    return values


def _calls(text: str, turn: Turn) -> tuple[ToolCall, ...]:
    ids = [call.id for call in turn.tool_calls]
    try:
        return tuple(
            ToolCall(id=ids[n] if n < len(ids) else f"fix_{n}", name=value["name"], arguments=value["arguments"])
            for n, value in enumerate(_values(text))
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError("tool calls", f"{first['loc'][0]}: {first['msg']}.", "Arguments are a JSON object.") from error
