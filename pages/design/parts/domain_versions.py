"""The saved versions of a domain: list, look into, compare, restore."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from engine.domains import pack_files
from pages._ui.buttons import button
from pages._ui.database import db, saving
from pages._ui.format import bytes_size, moment, plural
from pages._ui.text import code_view
from pages.design.parts.draft.domain_draft import Draft, base_files, draft_named
from pages.design.parts.draft.domain_editor import unified
from storage.designing import domains
from storage.designing.domains import DomainRow, VersionRow


def draw_versions(row: DomainRow, draft: Draft) -> None:
    """Draw the tab."""
    known = domains.versions(db(), row.id)
    st.caption("Each save makes a version. A batch keeps the version that it began with, whatever happens here.")
    frame = pd.DataFrame(
        {
            "Version": [v.version for v in known],
            "Note": [v.note or "" for v in known],
            "Saved": [moment(v.created_at) for v in known],
            "Digest": [v.digest for v in known],
        }
    )
    event = st.dataframe(
        frame,
        hide_index=True,
        key=f"versions_{row.id}",
        on_select="rerun",
        selection_mode="single-row",
        alt="Versions",
        height=min(len(known), 10) * 35 + 38,
        column_config={"Note": st.column_config.TextColumn("Note", width="large")},
    )
    rows = event["selection"]["rows"]
    if not rows or rows[0] >= len(known):
        st.caption("Choose a version to look into it.")
        return
    _version(row, draft, known[rows[0]])


def _version(row: DomainRow, draft: Draft, one: VersionRow) -> None:
    """Draw one version: restore or download it, and look into its files."""
    files, now = base_files(db(), one.digest), base_files(db(), row.digest)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(f"Version {one.version}", anchor=False, width="content")
        unsaved = bool(draft.changes)
        button(
            f"Restore version {one.version}",
            key=f"restore_{row.id}_{one.version}",
            icon=":material/restore:",
            disabled=one.digest == row.digest or unsaved,
            on_click=_restore,
            args=(row.id, one, row.version),
            help="Save or discard your changes first." if unsaved else "Makes a new version with these files.",
        )
        st.download_button(
            "Download as zip",
            lambda: pack_files.to_zip(files),
            f"{row.id}-v{one.version}.zip",
            "application/zip",
            key=f"zip_{row.id}_{one.version}",
            on_click="ignore",
            icon=":material/download:",
            type="tertiary",
        )
    _files(one, f"{row.id}_{one.version}", files, now)


def _files(one: VersionRow, key: str, files: Mapping[str, bytes], now: Mapping[str, bytes]) -> None:
    """Draw a file of a version, whole or as it differs from the current one."""
    changed = sorted(p for p in files.keys() | now.keys() if files.get(p) != now.get(p))
    views = {"Differences from now": changed, "All files": sorted(files)}
    if not changed:
        views.pop("Differences from now")
        st.caption("Its files are those of the current version.")
    view = st.segmented_control(
        "Shown",
        list(views),
        default=next(iter(views)),
        required=True,
        key=f"versionview_{key}",
        label_visibility="collapsed",
    )
    path = st.selectbox(
        "File",
        views[view],
        key=f"versionfile_{key}_{view}",
        format_func=lambda p: p if view == "All files" else f"{p} ({_change(files.get(p), now.get(p))})",
    )
    if view == "All files":
        data = files[path]
        text = None if b"\x00" in data[:4096] else data.decode(errors="replace")
        code_view(f"Not text, {bytes_size(len(data))}." if text is None else text, key=f"versiontext_{key}_{path}")
    else:
        st.caption(f"From version {one.version} to the current one; {plural(len(changed), 'file')} differ.")
        diff = unified(files.get(path), now.get(path), path)
        code_view(diff, key=f"versiontext_{key}_{path}", language="diff")


def _change(then: bytes | None, now: bytes | None) -> str:
    return "new since" if then is None else "gone since" if now is None else "changed since"


def _restore(id: str, one: VersionRow, current: int) -> None:
    files = base_files(db(), one.digest)
    draft = draft_named(id)
    with saving(f"Version {one.version} restored"):
        domains.save_domain(db(), files, based_on=current, note=f"Restored version {one.version}")
        draft.generation += 1
