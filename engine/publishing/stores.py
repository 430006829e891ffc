"""Folders in object stores and file systems. The only file that imports fsspec, when it is first used.

Beside the files stands SHA256SUMS, as `sha256sum --check` reads it. It is written after each file, so that a push that
broke off goes on with the files that are missing, and a pull knows whether it has what was pushed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from engine.errors import InputError, StorageError
from engine.publishing.places import StorePlace

SUMS = "SHA256SUMS"
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "sftp": "paramiko",
}
_BUFFER_BYTES = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def push(folder: Path, place: StorePlace, *, force: bool) -> str:
    """Copy a folder to a place and return its address. Raises InputError when something else is there and `force` is
    false, or when the library for the address is missing; StorageError when the store refuses."""
    with _refusals(place):
        store, root = _opened(place)
        ours = {
            path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }
        arrived = _sums(store, root)
        if not force:
            _refuse_others(store, root, place, ours, arrived)
        there = {name: sum for name, sum in (arrived or {}).items() if ours.get(name) == sum}
        store.makedirs(root, exist_ok=True)
        store.pipe_file(f"{root}/{SUMS}", _sums_file(there))  # first, so that what follows is known as this push
        for name in sorted(ours.keys() - there.keys()):
            path = f"{root}/{name}"
            store.makedirs(path.rpartition("/")[0], exist_ok=True)
            with (folder / name).open("rb") as source, store.open(path, "wb") as out:
                shutil.copyfileobj(source, out, _BUFFER_BYTES)
            there[name] = ours[name]
            store.pipe_file(f"{root}/{SUMS}", _sums_file(there))
        for name in sorted((arrived or {}).keys() - ours.keys()):  # with `force`: of the export before
            if store.exists(f"{root}/{_inside(name, place)}"):
                store.rm_file(f"{root}/{name}")
        return place.shown


def pull(place: StorePlace, folder: Path) -> None:
    """Copy the files of a place into a folder and hold them against SHA256SUMS, where there is one. What an earlier
    pull left there whole is not fetched again. Raises InputError when nothing is there, StorageError when a file is not
    as it was pushed."""
    with _refusals(place):
        store, root = _opened(place)
        sums = _sums(store, root) or {}
        names = sorted(sums) or [name for name in _names(store, root) if name != SUMS]
        if not names:
            raise InputError(place.shown, "holds nothing.", "Check the address.")
        for name in names:
            target = folder / _inside(name, place)
            if target.is_file() and name in sums and _sha256(target) == sums[name]:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with store.open(f"{root}/{name}", "rb") as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, _BUFFER_BYTES)
            if name in sums and _sha256(target) != sums[name]:
                target.unlink()
                raise StorageError(f"{name} at {place.shown} is not what was pushed. Push it again with --force.")


def _opened(place: StorePlace) -> tuple[Any, str]:
    """Return (the file system, the path in it)."""
    from fsspec.core import url_to_fs

    scheme = place.url.partition("://")[0]
    try:
        store, root = url_to_fs(place.url)
    except ImportError as error:
        package = _PACKAGES.get(scheme)
        move = f"Install it: pip install {package}" if package else f"{error}."
        raise InputError(place.shown, f"the library for {scheme}:// is not installed.", move) from error
    except ValueError as error:
        move = "Write for example s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or file:///FOLDER."
        raise InputError(place.shown, f"no library knows {scheme}://.", move) from error
    return store, str(root).rstrip("/")


def _names(store: Any, root: str) -> list[str]:
    """Return the paths of all files below the root, relative to it."""
    found = store.find(root) if store.exists(root) else []
    return sorted(str(path).lstrip("/").removeprefix(root.lstrip("/")).lstrip("/") for path in found)


def _refuse_others(
    store: Any, root: str, place: StorePlace, ours: Mapping[str, str], arrived: Mapping[str, str] | None
) -> None:
    names = [name for name in _names(store, root) if name != SUMS]
    if arrived is None:  # nothing says which export the files are of
        others = names
    else:
        others = [name for name, sum in arrived.items() if ours.get(name) != sum]
        others += [name for name in names if name not in ours and name not in arrived]
    if others:
        problem = f"holds something else already, such as {others[0]}."
        raise InputError(place.shown, problem, "Choose an empty place, or add --force to write over it.")


def _sums(store: Any, root: str) -> dict[str, str] | None:
    """Return the hashes by name that SHA256SUMS holds; None where there is no such file."""
    path = f"{root}/{SUMS}"
    if not store.exists(path):
        return None
    lines = store.cat_file(path).decode(errors="replace").splitlines()
    return {found[2]: found[1] for line in lines if (found := _LINE.fullmatch(line))}


def _sums_file(sums: Mapping[str, str]) -> bytes:
    return "".join(f"{sum}  {name}\n" for name, sum in sorted(sums.items())).encode()


def _inside(name: str, place: StorePlace) -> str:
    """Return a name that stays in its folder. Raises InputError for any other."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(
            place.shown, f"names a file outside of its folder: {name}.", "Fetch it by hand and look at it."
        )
    return name


def _sha256(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


@contextmanager
def _refusals(place: StorePlace) -> Iterator[None]:
    """Turn what stores raise into StorageError; each library has errors of its own, most of them no OSError."""
    try:
        yield
    except (InputError, StorageError):
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise StorageError(f"{place.shown} refuses it: {told} Mend that and try again.") from error
