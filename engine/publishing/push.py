"""Push an export: to the hub or to a store, as the unpacked folder."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import InputError
from engine.publishing import hub, stores
from engine.publishing.places import HUB_TOKEN, HubPlace, place_of, token_in

_CARD = "README.md"
_PARTS = (_CARD, "recipe.json", "report.json")
"""What every export holds, so that no other folder with a README is sent by mistake."""


def push(export: Path, address: str, *, variable: str = HUB_TOKEN, public: bool = False, force: bool = False) -> str:
    """Push an export, a zip or a folder, and return the address where it is now.

    `variable` names the environment variable with the token for the hub. A repository is made private unless `public`.
    With `force` files of another export at a store are written over; the hub keeps what was there in its history.
    Raises InputError when something is refused, StorageError when the place cannot be reached.
    """
    place = place_of(address)
    with _folder(export) as folder:
        if isinstance(place, HubPlace):
            return hub.push(folder, place, token=token_in(variable), variable=variable, public=public)
        return stores.push(folder, place, force=force)


def unpack(export: Path, folder: Path) -> None:
    """Unpack the zip of an export into a folder. Raises InputError when it is none."""
    try:
        with zipfile.ZipFile(export) as archive:
            if missing := [name for name in _PARTS if name not in archive.namelist()]:
                raise InputError(
                    export.name, f"holds no {missing[0]}, so it is no export.", "Name the zip of an export."
                )
            archive.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        move = "Name the .zip of an export; a data file alone has no card, so export it as .zip."
        raise InputError(export.name, "cannot be read as a zip.", move) from error


@contextmanager
def _folder(export: Path) -> Iterator[Path]:
    if export.is_dir():
        if missing := [name for name in _PARTS if not (export / name).is_file()]:
            raise InputError(
                export.name, f"holds no {missing[0]}, so it is no export.", "Name the folder of an export."
            )
        if hidden := next((one for one in sorted(export.rglob(".*")) if one.name != ".gitattributes"), None):
            raise InputError(str(hidden), "is hidden and of no export.", "Move it away, or name the zip.")
        yield export
        return
    with tempfile.TemporaryDirectory(prefix="turnwright-push-") as scratch:
        unpack(export, Path(scratch))
        yield Path(scratch)
