"""The shared tool files that a domain uses: add, update, remove; and share one of its own."""

from __future__ import annotations

import streamlit as st

from engine.domains.shared_tools import differing, names_in, with_names
from engine.types import Tool, shared_path
from pages._ui.buttons import button
from pages._ui.confirm_buttons import delete_button
from pages._ui.database import db, saving
from pages._ui.dialogs import begin, close, dialog, finish, refusals, unless_done
from pages._ui.text import literal
from pages.design.parts.draft.domain_draft import Draft, draft_named
from pages.design.parts.tools.tool_files import ToolFile, derived
from storage.designing.shared_tools import SharedToolRow, delete_version, finder, list_shared, newest_version, share

_SEEN = "share_seen"


def shared_in(files: dict[str, bytes]) -> dict[str, tuple[Tool, ...]]:
    """Return the tools of each shared file that a pack names and holds, by its name and version."""
    held = {name: files[shared_path(name)] for name in names_in(files) if shared_path(name) in files}
    return {name: derived(shared_path(name), text.decode(errors="replace"))[0] for name, text in held.items()}


def draw_shared(id: str, draft: Draft) -> None:
    """Draw, folded, the shared tools that the domain uses and those that it can take from the library."""
    files, library = draft.files(), list_shared(db())
    names = names_in(files)
    with st.expander(f"Shared tools ({len(names)})", icon=":material/share:", key=f"shared_{id}"):
        st.caption(
            "Tool files that many domains use. A version never changes, and the domain keeps its own copy: a newer one "
            "runs here only once you take it."
        )
        newest = {row.name: row for row in reversed(library)}
        other = differing(files, finder(db()))
        tools = shared_in(files)
        for name in names:
            _used(id, name, tools.get(name), newest.get(name.partition("@")[0]), differs=name in other)
        used = {name.partition("@")[0] for name in names}
        _adding(id, [row for row in newest.values() if row.name not in used])
        _deleting(id, [row for row in library if not row.shipped])


def _used(id: str, name: str, tools: tuple[Tool, ...] | None, newest: SharedToolRow | None, *, differs: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{literal(name)}**", width="content")
        st.caption(literal(", ".join(tool.name for tool in tools or ()) or "no tools"), width="content")
        if tools is None:
            st.badge(
                "missing", icon=":material/error:", color="red", help="The library has no such version: take it out."
            )
        elif differs:
            st.badge(
                "differs",
                icon=":material/difference:",
                color="orange",
                help="The library here has another text of this version. The text in this domain is what runs.",
            )
        if newest and newest.version > int(name.partition("@")[2]):
            button(
                f"Use version {newest.version}",
                key=f"shared_new_{id}_{name}",
                icon=":material/upgrade:",
                type="tertiary",
                on_click=replace_shared,
                args=(id, name, newest.id),
            )
        button(
            "Take out",
            key=f"shared_out_{id}_{name}",
            icon=":material/remove_circle:",
            type="tertiary",
            on_click=replace_shared,
            args=(id, name, None),
            help="Templates that call its tools must go first. It can be added again.",
        )


def _adding(id: str, rows: list[SharedToolRow]) -> None:
    if not rows:
        st.caption("The library has no others. Share a tool file of yours with its button below.")
        return
    labels = {row.id: f"{row.id}: {', '.join(tool.name for tool in row.tools)}" for row in rows}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "From the library", list(labels), key=f"shared_pick_{id}", format_func=labels.get, width=420
        )
        pressed = button("Add", key=f"shared_add_{id}", icon=":material/add:")
    if pressed and chosen and replace_shared(id, None, chosen):
        st.rerun()


def _deleting(id: str, rows: list[SharedToolRow]) -> None:
    """Draw the choice of a user's version to delete from the library, where there is one."""
    if not rows:
        return
    with st.popover("Delete from the library", icon=":material/delete:", type="tertiary"):
        st.caption("Domains that use it keep their own copy. Its number is not given out again.")
        chosen = st.selectbox("Version", [row.id for row in rows], key=f"shared_delete_pick_{id}")
        if delete_button(f"Delete {literal(chosen)} for every domain?", key=f"shared_delete_{id}_{chosen}"):
            name, _, version = chosen.partition("@")
            gone = False
            with saving(f"{chosen} deleted from the library"):
                delete_version(db(), name, int(version))
                gone = True
            if gone:  # else the refusal must stay on the page
                st.rerun()


def replace_shared(id: str, old: str | None, new: str | None) -> bool:
    """Replace `old` by `new` among the shared files that the draft's domain.yaml names; old None adds, new None
    removes. Return whether that could be done."""
    draft = draft_named(id)
    names = names_in(draft.files())
    changed = [new if name == old else name for name in names] + ([new] if old is None else [])
    wanted = [name for name in changed if name is not None]
    text = with_names(draft.text("domain.yaml"), wanted)
    if names_in({"domain.yaml": text.encode()}) != wanted:
        st.error("Write `shared_tools` in the Settings tab on one line, then try again.", icon=":material/error:")
        return False
    draft.put("domain.yaml", text.encode())
    draft.generation += 1
    return True


def share_file(id: str, one: ToolFile) -> None:
    """Open the dialog that asks for a name and shares a tool file as its next version."""
    begin("share_file")
    st.session_state[_SEEN] = {}
    _share_file(id, one)


@dialog("Share this tool file", icon=":material/share:")
def _share_file(id: str, one: ToolFile) -> None:
    unless_done("share_file")
    name = st.text_input(
        "Name in the library", one.module, key="share_name", max_chars=60, live=True, help="Takes a-z, 0-9 and _."
    ).strip()
    seen = st.session_state.setdefault(_SEEN, {})
    newest = seen.setdefault(name, newest_version(db(), name))
    st.caption(
        literal(
            f"It becomes {name}@{(newest or 0) + 1}, which any domain can add and nobody can change. This domain keeps "
            "its own file."
        )
    )
    with st.container(horizontal=True):
        if button("Share", key="share_go", type="primary", icon=":material/share:", disabled=not name):
            seen.pop(name)  # after a conflict the next press is based on what is newest then
            with refusals():
                version = share(db(), name, draft_named(id).text(one.path).encode(), based_on=newest)
                outcome = "is in the library already" if version == newest else "is in the library"
                finish("share_file", f"{literal(name)}@{version} {outcome}")
        if button("Cancel", key="share_no"):
            close()
