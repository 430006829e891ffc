"""The first rows of an export as they would leave: messages with what is trained, tokens, and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from engine import settings
from engine.errors import InputError
from engine.exporting.preview.drawn_rows import Rule, drawn, tools_of
from engine.exporting.preview.drawn_tokens import drawn_tokens
from engine.exporting.preview.template_losses import losses, sentence
from engine.exporting.target import rule_of
from engine.exporting.tokenizer import ChatTokenizer, load
from engine.types import Recipe
from pages._ui.format import count, plural
from pages._ui.text import code_view, literal
from pages.export.parts.target_form import known

MOST_TOKENS = 4_000
"""Tokens that are drawn of one row; all are counted."""
NO_RULE = "No trainer is chosen: what is marked is what the marks in the rows say. One that reads no marks trains more."
_ASSETS = settings.ROOT / "assets"
_component = st.components.v2.component(
    "turnwright_row_view", css=(_ASSETS / "row_view.css").read_text(), js=(_ASSETS / "row_view.js").read_text()
)


def rows_view(recipe: Recipe, rows: Sequence[Mapping[str, Any]], tokenizer: str) -> None:
    """Draw rows as turns, as tokens where a tokenizer is named, and as JSON."""
    rule, trains = _rule(recipe)
    names = ["Turns", *(["Tokens"] if tokenizer else []), "JSON"]
    tabs = dict(zip(names, st.tabs(names), strict=True))
    with tabs["Turns"]:
        _turns(rows, rule, trains)
    if tokenizer:
        with tabs["Tokens"]:
            _tokens(recipe, rows, tokenizer, rule)
    with tabs["JSON"]:
        for position, row in enumerate(rows):
            text = json.dumps(row, ensure_ascii=False, indent=1)
            code_view(text, key=f"row_{position}", language="json", height=220)


def _rule(recipe: Recipe) -> tuple[Rule | None, bool]:
    """Return (what the recipe's target trains of a row, whether anything is trained from the rows)."""
    target = known(recipe.target)
    if target is None or recipe.target is None:
        return None, True
    shown = rule_of(recipe.target)
    return (shown.trained if shown else None), target.trains


def _turns(rows: Sequence[Mapping[str, Any]], rule: Rule | None, trains: bool) -> None:
    if rule is None and trains:
        st.caption(NO_RULE)
    for position, row in enumerate(rows):
        parts = drawn(row, rule)
        if not parts:
            st.caption("This format has no messages to draw; see the JSON.")
            return
        offered = [str((one.get("function") or one).get("name")) for one in tools_of(row) if isinstance(one, Mapping)]
        st.caption(literal(f"Row {position + 1}" + (f", tools: {', '.join(offered)}" if offered else "")))
        data = [
            {
                "name": part.name,
                "messages": [
                    one._asdict()
                    | {"calls": [c._asdict() for c in one.calls], "trained": one.trained if trains else None}
                    for one in part.messages
                ],
            }
            for part in parts
        ]
        _component(key=f"row_turns_{position}", data={"parts": data})


def _tokens(recipe: Recipe, rows: Sequence[Mapping[str, Any]], reference: str, rule: Rule | None) -> None:
    try:
        tokenizer = load(reference)
        _losses(tokenizer)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    limit = recipe.context.tokens if recipe.context else None
    for position, row in enumerate(rows):
        found = drawn_tokens(row, tokenizer, rule)
        told = [f"Row {position + 1}: {plural(len(found.tokens), 'token')}"]
        if found.trained_count is not None:
            told.append(f"{count(found.trained_count)} of them trained")
        if limit is not None and len(found.tokens) > limit:
            told.append(f"{count(len(found.tokens) - limit)} beyond the context length")
        if len(found.tokens) > MOST_TOKENS:
            told.append(f"the first {count(MOST_TOKENS)} are drawn")
        st.caption(literal(", ".join(told) + "."))
        if found.problem:
            st.warning(literal(found.problem), icon=":material/warning:")
        if found.tokens:
            trained = found.trained and found.trained[:MOST_TOKENS]
            data = {"tokens": found.tokens[:MOST_TOKENS], "trained": trained}
            _component(key=f"row_tokens_{position}", data=data)


def _losses(tokenizer: ChatTokenizer) -> None:
    """Say which template is used and what it leaves out."""
    if not tokenizer.templates:
        st.caption("The tokenizer brings no chat template; ChatML with calls as JSON stands in for one.")
    if told := sentence(losses(tokenizer.render(True))):
        st.warning(told, icon=":material/warning:")
