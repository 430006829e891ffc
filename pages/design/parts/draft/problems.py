"""Problems of a pack, each with a link to the page that edits the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

import streamlit as st

from engine.errors import InputError, each
from pages._ui.routes import page_link
from pages._ui.text import literal

OFF = ".off"
_TABS = {
    "policy.md": "Policy",
    "questions.yaml": "Questions",
    "domain.yaml": "Settings",
    "tools/": "Tools",
    "shared/": "Tools",
    "templates/": "Templates",
    "workspace/": "Workspace",
    "variants/": "Workspace",
    "hidden/": "Workspace",
}


class Problem(str):
    """The text of one error, with the file of the pack and the line (from 1) where they are known."""

    file: str = ""
    line: int | None = None


def problems_of(errors: InputError | Iterable[InputError]) -> tuple[Problem, ...]:
    """Return one problem for each error."""
    found = []
    for error in each(errors) if isinstance(errors, InputError) else errors:
        problem = Problem(str(error))
        problem.file, problem.line = error.file, error.line
        found.append(problem)
    return tuple(found)


def problems_list(problems: Sequence[str], *, title: str, domain: str = "", warn: bool = False) -> None:
    """Draw every problem, and for each file of the stored `domain` that has one, a link that opens it there."""
    lines = "\n".join(f"- {literal(one)}" for one in problems)
    if warn:
        st.warning(f"{title}\n\n{lines}", icon=":material/warning:")
    else:
        st.error(f"{title}\n\n{lines}", icon=":material/error:")
    places = {one.file: one.line for one in reversed(problems) if isinstance(one, Problem) and one.file}
    if domain and places:
        with st.container(horizontal=True, gap="small"):
            for file in dict.fromkeys(one.file for one in problems if isinstance(one, Problem) and one.file):
                open_file(domain, file, places[file])


def open_file(domain: str, path: str, line: int | None = None) -> None:
    """Draw a link that opens a file of a pack where it is edited, at a line."""
    stem = PurePosixPath(path.removesuffix(OFF)).stem
    label = f"Open {path}" + (f" at line {line}" if line else "")
    to: tuple[str, dict[str, Any]] = ("domain", {"id": domain, "tab": _tab(path)})
    if path.startswith("tools/") and stem != "tools":
        to = ("tool", {"domain": domain, "name": stem, "line": line})
    elif path.startswith("templates/") and stem != "templates":
        to = ("template", {"domain": domain, "template": stem, "line": line})
    page_link(to[0], literal(label), icon="arrow_forward", **to[1])


def _tab(path: str) -> str:
    return next((tab for start, tab in _TABS.items() if path.startswith(start)), "Overview")
