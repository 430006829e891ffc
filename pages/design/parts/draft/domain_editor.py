"""The editor of one file of a domain, and the bar that says what is unsaved and saves it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import streamlit as st

from pages._ui.buttons import button
from pages._ui.confirm_buttons import drop_button
from pages._ui.database import db
from pages._ui.format import plural
from pages._ui.messages import keep_message
from pages._ui.outside_packs import ask_to_allow
from pages._ui.text import code_view, excerpt, literal
from pages.design.parts.draft.deleting import notices
from pages.design.parts.draft.domain_draft import Draft, base_files, discard, discard_file, draft_named, rebase, save
from pages.design.parts.draft.problems import Problem, problems_list
from storage.designing.domains import DomainRow

_STYLE = """<style>
[class*="st-key-code_"] textarea {
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 0.85rem; line-height: 1.5; tab-size: 4;
}
[class*="st-key-code_python"] textarea { white-space: pre; overflow-x: auto; }
[class*="st-key-prose_"] textarea { line-height: 1.55; }
</style>"""
SHOWN_NAMES = 4
LINES_SHOWN = 6


def typed(id: str, path: str, key: str) -> None:
    """Copy the text of a widget into the draft."""
    draft_named(id).put(path, str(st.session_state[key]).encode())


def text_editor(draft: Draft, path: str, label: str, *, height: int = 460, prose: bool = False) -> str:
    """Draw the text of a file for editing and return it; what is typed goes into the draft."""
    st.html(_STYLE)
    kind = "prose" if prose else "code_python" if path.removesuffix(".off").endswith(".py") else "code"
    key = f"{kind}_{draft.domain}_{draft.token}_{draft.generation}_{path}"
    return st.text_area(  # text as its default: set through the session state, it would appear after an empty field
        label,
        draft.text(path),
        key=key,
        height=height,
        on_change=typed,
        args=(draft.domain, path, key),
        help="Ctrl+Enter, or a click elsewhere, takes over what you typed. It is saved with the button Save.",
    )


def file_state(draft: Draft, path: str) -> None:
    """Draw whether a file has unsaved changes, with a button that drops them."""
    if path not in draft.changes:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("unsaved", icon=":material/edit:", color="orange")
        if drop_button(
            "Undo this file",
            "Drop what you changed in this file?",
            key=f"undo_{draft.domain}_{path}",
            edited=True,
            yes="Drop it",
            type="tertiary",
            icon=":material/undo:",
        ):
            discard_file(draft.domain, path)
            st.rerun()


def error_lines(source: str, path: str, problems: Sequence[str], *, line: int | None = None) -> None:
    """Draw each line of a file's text that a problem names, and `line`, once each with its neighbours."""
    named = {one.line for one in problems if isinstance(one, Problem) and one.file == path}
    for number in sorted({n for n in (*named, line) if n})[:LINES_SHOWN]:
        excerpt(source, number)


def save_bar(row: DomainRow, draft: Draft) -> None:
    """Draw what is unsaved, the note and the buttons, and the question whether the domain may run without isolation;
    the same place on every page of the domain."""
    with st.container(border=True, key="save_bar"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
                st.badge(f"Version {draft.based_on}", icon=":material/history:", color="gray")
                _unsaved(draft)
            with st.container(
                horizontal=True, vertical_alignment="center", horizontal_alignment="right", width="content"
            ):
                st.text_input(
                    "Note on this version",
                    key=f"note_{draft.domain}",
                    placeholder="Note on this version (optional)",
                    label_visibility="collapsed",
                    width=260,
                    max_chars=200,
                )
                if drop_button(
                    "Discard",
                    f"Drop your changes of {plural(len(draft.changes), 'file')}?",
                    key=f"discard_{draft.domain}",
                    edited=bool(draft.changes),
                    yes="Drop them",
                    icon=":material/undo:",
                    disabled=not draft.changes,
                    help="Drop every unsaved change of this domain.",
                ):
                    drop_all(draft.domain)
                button(
                    "Save",
                    key=f"save_{draft.domain}",
                    type="primary",
                    icon=":material/save:",
                    on_click=save,
                    args=(draft.domain,),
                    help="Make a new version. Batches keep the version they began with.",
                )
        notices(draft)
        with st.container(key="save_problems"):
            if draft.problems:
                title = "Not saved. Nothing you typed is lost; correct this and save again:"
                problems_list(draft.problems, title=title, domain=draft.domain)
    if draft.changes and draft.based_on != row.version:
        _newer_version(row, draft)
    ask_to_allow({draft.digest: row.name})


def _unsaved(draft: Draft) -> None:
    if not draft.changes:
        st.caption("Everything is saved.", width="content")
        return
    names = list(draft.changes)
    shown = ", ".join(names[:SHOWN_NAMES]) + (
        f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    )
    st.badge(f"{plural(len(names), 'file')} unsaved", icon=":material/edit:", color="orange", help=literal(shown))
    st.caption(literal(shown), width="content")


def _newer_version(row: DomainRow, draft: Draft) -> None:
    """Draw that somebody saved a newer version meanwhile, and offer to rebase this draft or drop it."""
    newest, base = base_files(db(), row.digest), draft.base()
    theirs = {p for p in newest.keys() | base.keys() if newest.get(p) != base.get(p)}
    both = sorted(theirs & draft.changes.keys())
    with st.container(border=True, key="overtaken"):
        st.warning(
            f"Version {row.version} was saved by somebody else while you edited version {draft.based_on}. It changes "
            f"{literal(', '.join(sorted(theirs)[:8]) or 'nothing')}. Your text is kept.",
            icon=":material/sync_problem:",
        )
        for path in both:
            with st.expander(f"Both changed {literal(path)}: theirs against yours", icon=":material/difference:"):
                code_view(unified(newest.get(path), draft.changes[path], path), key=f"both_{path}", language="diff")
        with st.container(horizontal=True):
            button(
                f"Lay my changes over version {row.version}",
                key="rebase",
                icon=":material/layers:",
                on_click=rebase,
                args=(draft.domain,),
                help="Then look and save. In files that both changed, your text wins.",
            )
            if drop_button(
                "Drop my changes",
                f"Drop your changes of {plural(len(draft.changes), 'file')}?",
                key="drop_mine",
                edited=True,
                yes="Drop them",
                icon=":material/undo:",
            ):
                drop_all(draft.domain)


def drop_all(id: str) -> None:
    """Drop every unsaved change of a domain, and rerun the page."""
    discard(id)
    keep_message("Unsaved changes dropped.", "undo")
    st.rerun()


def unified(before: bytes | None, after: bytes | None, path: str) -> str:
    """Return a unified diff of two versions of a file; a sentence for one that is not text."""
    try:
        old, new = (before or b"").decode().splitlines(), (after or b"").decode().splitlines()
    except UnicodeDecodeError:
        return f"{path} is not text: {len(before or b''):,} bytes before, {len(after or b''):,} after."
    return "\n".join(difflib.unified_diff(old, new, path, path, lineterm=""))
