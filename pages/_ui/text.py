"""Draw text and values of models, tools, files and users as they are, never as Markdown or HTML."""

from __future__ import annotations

import json
import re
from typing import Any

import streamlit as st

_LINE = re.compile(r"\bline (\d+)")


def literal(text: str) -> str:
    """Return text with Markdown escaped, so that a label or message shows it as it is and loads no image."""
    return _escaped(text, _SPECIAL).replace("\n", "  \n")


def option(text: str) -> str:
    """Return text escaped for the options of pills, whose labels appear in addresses: hyphens and dots stay."""
    return _escaped(" ".join(text.split()), _SPECIAL - frozenset("-.+(){}#|"))


def _escaped(text: str, special: frozenset[str]) -> str:
    """Return text with a backslash before each special character.

    Streamlit draws `:material/x:` in spite of a backslash, so an invisible character is put inside. Marks that turn the
    writing direction are isolated, so that they end with the text.
    """
    parted = _ICON.sub(":\u2060", text)
    shown = "".join(f"\\{c}" if c in special else c for c in parted)
    return f"\u2068{shown}\u2069" if _TURNING.search(shown) else shown


_SPECIAL = frozenset("\\`*_{}[]()<>#+-.!|~$:&")
_ICON = re.compile(r":(?=material/|streamlit:)")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")

CUT = 20_000
"""Characters that are drawn of one value; the rest on demand."""


def plain(text: str, *, empty: str = "Empty") -> None:
    """Draw text as it is, wrapped, with its line breaks; `empty` as a caption where there is none."""
    if text:
        st.text(text)
    else:
        st.caption(empty)


def json_view(value: Any, *, key: str, expanded: bool | int = 2) -> None:
    """Draw a JSON value as a tree; as text when it has more than CUT characters, which are cut and offered whole, or
    whole numbers whose last digits a browser would change. `key` must be unique on the page.
    """
    dumped = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    if len(dumped) <= CUT and not (beyond_browsers(value, dumped)):
        st.json(dumped, expanded=expanded)
        return
    code_view(dumped, key=key, language="json")


_MANY_DIGITS = re.compile(r"\d{16}")


def beyond_browsers(value: Any, dumped: str) -> bool:
    """Return whether a JSON value, `dumped` as text, holds a whole number whose last digits a browser would change."""
    return _MANY_DIGITS.search(dumped) is not None and _beyond_browsers(value)


def _beyond_browsers(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_beyond_browsers, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_beyond_browsers, value))
    return isinstance(value, int) and abs(value) >= 1 << 53


def code_view(text: str, *, key: str, language: str | None = None, height: int | None = None) -> None:
    """Draw foreign text in a code box, wrapped; more than CUT characters are cut and offered whole on demand."""
    whole = len(text) <= CUT or st.session_state.get(f"{key}_whole", False)
    shown = text if whole else text[:CUT]
    lines = shown.count("\n") + len(shown) // 120
    st.code(shown, language=language, wrap_lines=True, height=height or (420 if lines > 24 else "content"))
    if not whole:
        st.toggle(f"Show all {len(text):,} characters", key=f"{key}_whole")


def error_line(source: str, problem: str) -> None:
    """Draw the line of `source` that a problem names ("line 3"), with its neighbours and a mark."""
    if found := _LINE.search(problem):
        excerpt(source, int(found.group(1)))


def excerpt(source: str, number: int, around: int = 2) -> None:
    """Draw a line of a text, counted from 1, with its neighbours and a mark."""
    lines = source.splitlines()
    if not 0 < number <= len(lines):
        return
    first = max(1, number - around)
    shown = [
        f"{'>' if n == number else ' '} {n:4d}  {lines[n - 1]}"
        for n in range(first, min(len(lines), number + around) + 1)
    ]
    st.code("\n".join(shown), language=None)
