"""The choice of a tokenizer, and of a length in its tokens that rows are held to."""

from __future__ import annotations

from typing import Literal, get_args

import streamlit as st

from engine.errors import InputError
from engine.exporting.tokenizer import load
from engine.types import ContextLength
from pages._ui.text import literal

Longer = Literal["name", "leave_out", "cut"]
LONGER: dict[Longer, str] = {
    "name": "is named in the report",
    "leave_out": "is left out",
    "cut": "is cut after the last trained answer that fits",
}


def length_form() -> tuple[str, ContextLength | None, bool]:
    """Draw the form; return (the tokenizer for the preview or "", the limit or None, whether all is well)."""
    with st.expander("Length in tokens", key="export_length", icon=":material/straighten:"):
        left, middle, right = st.columns([4, 2, 3])
        tokenizer = left.text_input(
            "Your tokenizer",
            key="export_tokenizer",
            max_chars=400,
            placeholder="a folder, a tokenizer.json or a package",
            help="The path of a tokenizer.json, a folder that holds one beside its chat template, or an installed "
            "package that brings one. It is only read: none of its code runs, and nothing is downloaded. With it the "
            "preview shows the tokens of each row and what is trained of them.",
        ).strip()
        tokens = middle.number_input(
            "Context length", 1, (1 << 31) - 1, None, key="export_context", placeholder="any", help="In tokens."
        )
        longer = right.selectbox(
            "What is longer",
            get_args(Longer),
            key="export_longer",
            format_func=LONGER.__getitem__,
            help="A dialogue is counted as a whole, with its tools. A cut ends it on a trained answer, which stays "
            "whole. Pairs and whole records are never cut.",
        )
        if not tokenizer:
            if tokens is not None:
                st.error("A length needs a tokenizer that counts.", icon=":material/error:")
            return "", None, tokens is None
        try:
            load(tokenizer)
        except InputError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return "", None, False
    return tokenizer, ContextLength(tokenizer=tokenizer, tokens=tokens, longer=longer) if tokens else None, True
