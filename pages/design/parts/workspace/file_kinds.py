"""The kind of a workspace file, by the ending of its name."""

from __future__ import annotations

from pathlib import PurePosixPath

IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}
TABLES = {".csv", ".tsv"}
DATABASES = {".db", ".sqlite", ".sqlite3"}
_KINDS = {
    ".json": "JSON",
    ".csv": "CSV table",
    ".tsv": "TSV table",
    ".md": "Markdown",
    ".txt": "Text",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".py": "Python",
    ".pdf": "PDF",
    ".xlsx": "Excel workbook",
    ".zip": "Zip archive",
    **dict.fromkeys(DATABASES, "SQLite database"),
    **dict.fromkeys(IMAGES, "Picture"),
}


def kind_of(path: str) -> str:
    """Return the words for a file's type."""
    suffix = PurePosixPath(path).suffix.lower()
    return _KINDS.get(suffix, suffix[1:].upper() or "File")


def text_of(data: bytes) -> str | None:
    """Return a file as text, or None when it is not text."""
    if b"\x00" in data[:4096]:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
