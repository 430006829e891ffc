"""The list of domains."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from engine.domains import pack_files
from pages._ui.buttons import button, menu
from pages._ui.database import db
from pages._ui.dialogs import open_after_page
from pages._ui.format import ago, plural
from pages._ui.layout import actions, empty_state
from pages._ui.routes import open_page, page_link
from pages._ui.text import literal, option, plain
from pages.design.parts.domain_dialogs import delete_domain, import_domain, new_domain
from pages.design.parts.draft.deleting import deleted_list
from pages.design.parts.draft.domain_draft import Draft, base_files
from storage.designing import domains
from storage.designing.domains import DomainRow

PER_PAGE = 24
SORTS = {"name": "Name", "newest": "Last changed", "templates": "Most templates"}


def chosen_rows() -> list[DomainRow]:
    """Draw the controls and return the domains that they select."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            key="text",
            bind="query-params",
            live=True,
            type="search",
            placeholder="Search domains",
            label_visibility="collapsed",
            width=280,
        )
        found = domains.list_domains(db(), str(text)[:200])
        categories = sorted({row.category for row in domains.list_domains(db())})
        category = st.pills(
            "Category",
            categories,
            key="category",
            bind="query-params",
            label_visibility="collapsed",
            width="stretch",
            format_func=option,
        )
        sort = st.selectbox(
            "Sort by",
            list(SORTS),
            key="sort",
            bind="query-params",
            format_func=SORTS.__getitem__,
            width=190,
            label_visibility="collapsed",
        )
    if category:
        found = [row for row in found if row.category == category]
    if sort == "newest":
        found.sort(key=lambda row: -row.updated_at)
    elif sort == "templates":
        found.sort(key=lambda row: -row.templates)
    return found


def card(row: DomainRow) -> None:
    """Draw one domain with its actions."""
    with st.container(border=True, height="stretch", vertical_alignment="distribute", key=f"domain_{row.id}"):
        with st.container():
            described(row)
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            page_link("domain", "Open", icon="open_in_full", id=row.id)
            st.download_button(
                "Export",
                partial(pack, row.digest),
                f"{row.id}-v{row.version}.zip",
                "application/zip",
                key=f"zip_{row.id}",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
            )
            chosen = menu("More", list(MORE), key=f"more_{row.id}", type="tertiary")
    if chosen:
        open_after_page(partial(MORE[chosen], row))


def described(row: DomainRow) -> None:
    """Draw name, description and badges of a domain."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.header(literal(row.name), anchor=False, width="content")
        if unsaved(row.id):
            st.badge("unsaved changes", icon=":material/edit:", color="orange")
    plain(row.description)
    with st.container(horizontal=True, gap="small"):
        st.badge(literal(row.category), icon=":material/sell:", color="gray")
        if row.lacks:
            st.badge("unfinished", icon=":material/construction:", color="orange", help=f"It has {row.lacks} yet.")
        if row.shipped:
            st.badge("shipped", icon=":material/inventory_2:", color="gray", help="Came with Turnwright.")
    st.caption(
        f"{plural(row.tools, 'tool')} · {plural(row.templates, 'template')} · version {row.version} · "
        f"changed {ago(row.updated_at)}"
    )


def pack(digest: str) -> bytes:
    """Return the zip of a stored pack."""
    return pack_files.to_zip(base_files(db(), digest))


def unsaved(id: str) -> bool:
    """Return whether this session has unsaved changes of a domain."""
    draft: Draft | None = st.session_state.get("drafts", {}).get(id)
    return draft is not None and bool(draft.changes)


def draw_deleted() -> None:
    """Draw the deleted domains, each with a button that restores it."""
    gone = [(row.id, row.name) for row in domains.list_domains(db(), deleted=True)]
    deleted_list("domain", gone, lambda id: domains.restore_domain(db(), id))


MORE: dict[str, Callable[[DomainRow], None]] = {
    "Duplicate": lambda row: new_domain(row.id),
    "Delete": delete_domain,
}

if made := st.session_state.pop("made_domain", None):
    open_page("domain", id=made)  # that page shows the message

with actions("Domains", "A domain is a policy, tools, a workspace of files and task templates."):
    if button("Import", key="import_domain", icon=":material/upload:"):
        open_after_page(import_domain)
    if button("New domain", key="new_domain", type="primary", icon=":material/add:"):
        open_after_page(new_domain)

if not domains.list_domains(db()):
    empty_state(
        "No domains yet",
        "Make one with New domain: it starts as a small example that works, or empty. Or import a pack.",
        icon="account_tree",
    )
    draw_deleted()
    st.stop()
rows = chosen_rows()
if not rows:
    st.caption("No domain matches. Search for another word, or take the category away.")
number = 1
if len(rows) > PER_PAGE:
    number = st.pagination(-(-len(rows) // PER_PAGE), key="page", bind="query-params") or 1
with st.grid(3, min_column_width=320):
    for one in rows[(number - 1) * PER_PAGE : number * PER_PAGE]:
        card(one)
draw_deleted()
