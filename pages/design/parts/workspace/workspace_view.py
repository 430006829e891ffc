"""The files of a domain's workspace, its variants and its hidden tests: list, look, edit, upload, delete."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import tempfile
from pathlib import PurePosixPath

import pandas as pd
import streamlit as st

from engine.reading.json_value import whole
from pages._ui.buttons import button
from pages._ui.format import bytes_size, count, plural
from pages._ui.text import error_line, json_view, literal
from pages.design.parts.draft.deleting import HELP, replace, take_out
from pages.design.parts.draft.domain_draft import Draft
from pages.design.parts.draft.domain_editor import file_state, text_editor
from pages.design.parts.workspace.file_kinds import DATABASES, IMAGES, TABLES, kind_of, text_of
from pages.design.parts.workspace.file_views import draw_binary

EDITABLE = 200_000
"""Bytes up to which a text file is edited in the page."""
LARGEST = 32 << 20
ROWS_SHOWN = 500
_MANY_DIGITS = re.compile(r"\d{16}")


def draw_workspace(draft: Draft) -> None:
    """Draw the tab."""
    files = draft.files()
    folders = _folders(files)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        folder = st.selectbox("Folder", folders, key=f"folder_{draft.domain}", width=280)
        with st.popover("Add files", icon=":material/upload:"):
            _upload(draft.domain, folder)
        paths = sorted(path for path in files if path.startswith(folder))
        button(
            "Delete this folder",
            key=f"gone_folder_{draft.domain}",
            icon=":material/delete:",
            type="tertiary",
            on_click=take_out,
            args=(draft.domain, paths, f"{folder} with {plural(len(paths), 'file')}"),
            disabled=not paths,
            help="With all its files. It can be undone until you save.",
        )
    if not paths:
        st.caption("This folder is empty. Add files to it.")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        path = _list(draft, folder, paths, files)
    with right:
        if path is None:
            st.caption("Choose a file of the list to look into it.")
        else:
            _file(draft, path, files[path])


def _folders(files: dict[str, bytes]) -> list[str]:
    variants = sorted({f"variants/{path.split('/')[1]}/" for path in files if path.startswith("variants/")})
    return ["workspace/", *variants, *(["hidden/"] if any(p.startswith("hidden/") for p in files) else [])]


def _list(draft: Draft, folder: str, paths: list[str], files: dict[str, bytes]) -> str | None:
    frame = pd.DataFrame(
        {
            "File": [path.removeprefix(folder) + (" *" if path in draft.changes else "") for path in paths],
            "Type": [kind_of(path) for path in paths],
            "Size": [bytes_size(len(files[path])) for path in paths],
        }
    )
    event = st.dataframe(
        frame,
        hide_index=True,
        key=f"files_{draft.domain}_{folder}_{len(paths)}",
        on_select="rerun",
        selection_mode="single-row",
        alt=f"Files in {folder}",
        height=min(len(paths), 14) * 35 + 38,
        selection_default={"selection": {"rows": [0]}},
    )
    total = sum(len(files[path]) for path in paths)
    st.caption(f"{plural(len(paths), 'file')}, {bytes_size(total)}. A star marks what is not saved yet.")
    rows = event["selection"]["rows"]
    return paths[rows[0]] if rows and rows[0] < len(paths) else None


def _upload(id: str, folder: str) -> None:
    below = st.text_input(
        "Subfolder",
        key=f"upload_folder_{id}",
        placeholder="of the chosen folder; empty for its top",
        help="For example reports/2026. It is made when it does not exist.",
    )
    turn = st.session_state.get(f"upload_turn_{id}", 0)
    field = f"upload_{id}_{turn}"
    st.file_uploader("Files", accept_multiple_files=True, key=field, max_upload_size=LARGEST >> 20)
    button("Add to the workspace", key=f"{field}_go", type="primary", on_click=_take, args=(id, folder, below, field))
    st.caption("A file of the same name is replaced. Nothing is saved before you press Save.")


def _take(id: str, folder: str, below: str, field: str) -> None:
    given = st.session_state.get(field) or []
    parts = PurePosixPath(below.strip().strip("/")).parts
    if ".." in parts or "\\" in below or any(not part.isprintable() for part in parts):
        st.error("A subfolder is a plain path such as `reports/2026`.", icon=":material/error:")
        return
    if not given:
        st.error("Choose one or more files first.", icon=":material/error:")
        return
    for one in given:
        name = PurePosixPath(one.name.replace("\\", "/")).name
        if len(data := one.getvalue()) > LARGEST:
            st.error(f"{literal(name)} is larger than {bytes_size(LARGEST)}. Make it smaller.", icon=":material/error:")
            continue
        replace(id, str(PurePosixPath(folder, *parts, name)), data)
    st.session_state[f"upload_turn_{id}"] = st.session_state.get(f"upload_turn_{id}", 0) + 1


def _file(draft: Draft, path: str, data: bytes) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{literal(PurePosixPath(path).name)}** :gray[{literal(kind_of(path))}]", width="content")
        with st.container(horizontal=True, width="content", gap="small"):
            st.download_button(
                "Download",
                data,
                PurePosixPath(path).name,
                key=f"get_{draft.domain}_{path}",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
            )
            button(
                "Delete",
                key=f"gone_{draft.domain}_{path}",
                icon=":material/delete:",
                type="tertiary",
                on_click=take_out,
                args=(draft.domain, [path], path),
                help=HELP,
            )
    file_state(draft, path)
    suffix, text = PurePosixPath(path).suffix.lower(), text_of(data)
    if suffix in IMAGES:
        st.image(data, alt=path)
    elif suffix in DATABASES or data[:16] == b"SQLite format 3\x00":
        _database(data, f"{draft.domain}_{path}")
    elif text is None and not draw_binary(path, data, key=f"{draft.domain}_{path}"):
        st.caption(f"{kind_of(path)} of {bytes_size(len(data))}; download it to look inside.")
    elif text is not None:
        _text(draft, path, text, suffix)


def _text(draft: Draft, path: str, text: str, suffix: str) -> None:
    views = ["View", "Text"] if suffix in TABLES or suffix == ".json" else ["Text"]
    view = views[0]
    if len(views) > 1:
        view = st.segmented_control(
            "Shown as",
            views,
            default=views[0],
            required=True,
            key=f"view_{draft.domain}_{path}",
            label_visibility="collapsed",
        )
    if view == "View" and suffix == ".json":
        try:
            json_view(json.loads(text, parse_int=whole), key=f"json_{draft.domain}_{path}")
        except ValueError as error:
            st.error(f"It is no JSON: {literal(str(error))}. Correct it under Text.", icon=":material/error:")
            error_line(text, str(error))
    elif view == "View":
        _table(text, "\t" if suffix == ".tsv" else ",", path)
    elif len(text) > EDITABLE:
        st.code(text[:20_000], language=None, wrap_lines=True, height=420)
        st.caption(f"The first 20,000 of {count(len(text))} characters. It is too long to edit here; upload it again.")
    else:
        text_editor(draft, path, "Content", height=480)


def _table(text: str, separator: str, path: str) -> None:
    try:
        kept = str if _MANY_DIGITS.search(text) else None  # as numbers they would lose their last digits
        frame = pd.read_csv(io.StringIO(text), sep=separator, nrows=ROWS_SHOWN, dtype=kept)
    except (ValueError, pd.errors.ParserError) as error:
        st.error(f"It cannot be read as a table: {literal(str(error))}", icon=":material/error:")
        return
    st.dataframe(frame, hide_index=True, alt=f"Rows of {path}", height=420)
    st.caption(f"{plural(len(frame), 'row')}" + (" (the first ones)" if len(frame) == ROWS_SHOWN else ""))


def _database(data: bytes, key: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        file.write(data)
        file.flush()
        connection = sqlite3.connect(f"file:{file.name}?mode=ro", uri=True)
        try:
            names = [r[0] for r in connection.execute("select name from sqlite_master where type = 'table' order by 1")]
            if not names:
                st.caption("This database has no tables.")
                return
            name = st.selectbox("Table", names, key=f"table_{key}")
            quoted = '"' + str(name).replace('"', '""') + '"'
            total = connection.execute(f"select count(*) from {quoted}").fetchone()[0]
            frame = pd.read_sql_query(f"select * from {quoted} limit {ROWS_SHOWN}", connection)
        except (sqlite3.Error, pd.errors.DatabaseError) as error:
            st.error(f"It cannot be read as a database: {literal(str(error))}", icon=":material/error:")
            return
        finally:
            connection.close()
    st.dataframe(frame, hide_index=True, alt=f"Rows of {name}", height=420)
    st.caption(f"{plural(total, 'row')}" + (f"; the first {ROWS_SHOWN} are shown" if total > ROWS_SHOWN else ""))
