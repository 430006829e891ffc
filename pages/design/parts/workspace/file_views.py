"""Views of workspace files that are not text: workbooks, archives, PDFs.

Imported packs are not trusted, so every view is bounded: for a file that is broken or unpacks to more than
LARGEST_UNPACKED bytes an error is shown, and it can still be downloaded.
"""

from __future__ import annotations

import io
import zipfile
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

import openpyxl
import pandas as pd
import pypdf
import streamlit as st

from pages._ui.format import bytes_size, plural
from pages._ui.text import code_view, literal

LARGEST_UNPACKED = 32 << 20
ROWS_SHOWN = 200
COLUMNS_SHOWN = 50
ENTRIES_SHOWN = 500
PAGES_SHOWN = 10


def draw_binary(path: str, data: bytes, *, key: str) -> bool:
    """Draw the content of a binary file and return True; False when its kind has no view. `key` is unique on the
    page."""
    views = {".zip": _archive, ".xlsx": _workbook, ".pdf": _pdf}
    view = views.get(PurePosixPath(path).suffix.lower())
    if view is None:
        return False
    try:
        view(data, key)
    except Exception as error:  # the libraries raise many kinds for a broken file
        message = f"It cannot be read: {literal(str(error) or type(error).__name__)}. Download it to look inside."
        st.error(message, icon=":material/error:")
    return True


def _archive(data: bytes, key: str) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
    frame = pd.DataFrame(
        {
            "File": [one.filename for one in entries[:ENTRIES_SHOWN]],
            "Size": [bytes_size(one.file_size) for one in entries[:ENTRIES_SHOWN]],
            "Packed": [bytes_size(one.compress_size) for one in entries[:ENTRIES_SHOWN]],
        }
    )
    st.dataframe(frame, hide_index=True, alt="Files in the archive", key=f"zip_{key}", height="content")
    more = f"; the first {ENTRIES_SHOWN} are shown" if len(entries) > ENTRIES_SHOWN else ""
    st.caption(f"{plural(len(entries), 'file')}, {bytes_size(sum(one.file_size for one in entries))} unpacked{more}")


def _workbook(data: bytes, key: str) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(one.file_size for one in archive.infolist())
    if unpacked > LARGEST_UNPACKED:
        raise ValueError(f"it unpacks to {bytes_size(unpacked)}")
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        name = str(st.selectbox("Sheet", book.sheetnames, key=f"sheet_{key}"))
        sheet = book[name]
        rows = [list(row) for row in islice(sheet.iter_rows(max_col=COLUMNS_SHOWN, values_only=True), ROWS_SHOWN + 1)]
    finally:
        book.close()
    if not rows:
        st.caption("This sheet is empty.")
        return
    shown = pd.DataFrame([[_cell(value) for value in row] for row in rows[:ROWS_SHOWN]])
    shown.columns = pd.Index([openpyxl.utils.get_column_letter(n + 1) for n in range(shown.shape[1])])
    shown.index += 1
    st.dataframe(shown, alt=f"Cells of {name}", key=f"cells_{key}_{name}", height=420 if len(shown) > 10 else "content")
    st.caption(plural(len(shown), "row") + (" (the first ones)" if len(rows) > ROWS_SHOWN else ""))


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _pdf(data: bytes, key: str) -> None:
    reader = pypdf.PdfReader(io.BytesIO(data))
    total = len(reader.pages)
    text = "\n\n".join(page.extract_text() for page in islice(reader.pages, PAGES_SHOWN))
    st.caption(
        f"The text of {plural(total, 'page')}" + (f"; the first {PAGES_SHOWN} are shown" if total > PAGES_SHOWN else "")
    )
    code_view(text.strip() or "No text; it may hold pictures only.", key=f"pdf_{key}")
