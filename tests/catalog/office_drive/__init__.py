"""Makes the workspace of the pack office_files. `python -m tests.catalog.office_drive FOLDER` writes it.

Everything is drawn from one fixed seed and invented for this project; no clock is read, so the same library
versions give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from tests.catalog.office_drive import ledgers, media, papers, sheets
from tests.catalog.office_drive.figures import Figures


def make() -> dict[str, bytes]:
    """Return the whole drive as {relative path: bytes}."""
    figures = Figures.draw()
    return ledgers.files(figures) | sheets.files(figures) | papers.files(figures) | media.files(figures)


def write(folder: Path) -> int:
    """Write the drive below a folder and return the number of files."""
    found = make()
    for name, data in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return len(found)
