"""The files of a domain pack as {path: bytes}: read from a folder or a zip, written to one, and hashed.

Nothing here looks inside a file. The same files always give the same zip and digest.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from engine.errors import InputError

MAX_FILES = 2_000
MAX_BYTES = 64 << 20
_IGNORED = {"__pycache__", ".git", ".DS_Store"}
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,
    ValueError,
    LookupError,
    OSError,
    EOFError,
)
"""What zipfile, and the libraries below it, raise for a damaged or encrypted zip and for an unknown compression."""


def read(path: Path) -> dict[str, bytes]:
    """Return the files of a folder or a zip file. Raises InputError, also when it cannot be read."""
    try:
        return from_zip(path.read_bytes()) if path.is_file() else read_folder(path)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror or error}.", "Check the path.") from error


def shipped(folder: Path) -> Iterator[dict[str, bytes]]:
    """Yield the files of every pack folder directly in `folder`, by name."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if (entry / "domain.yaml").is_file():
            yield read_folder(entry)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder. Raises InputError when it is no folder, too large or holds links."""
    if not folder.is_dir():
        raise InputError(str(folder), "is not a folder.", "Give the folder of a domain pack.")
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if _IGNORED & set(relative.parts) or path.is_dir():
            continue
        if path.is_symlink() or not path.is_file():
            raise InputError(str(relative), "is a link or no plain file.", "Packs hold plain files only.")
        files[relative.as_posix()] = path.read_bytes()
    _check_size("pack", len(files), sum(map(len, files.values())))
    return files


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a pack's files below a new or empty folder. Raises InputError when something is there already."""
    if folder.exists() and any(folder.iterdir()):
        raise InputError(str(folder), "is not empty.", "Choose a new folder.")
    for name, data in files.items():
        path = folder / _inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Return the pack as a zip whose bytes depend on the files only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return buffer.getvalue()


def from_zip(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip; a single top folder that holds them all is dropped. Raises InputError for a bad or
    hostile zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir()]
            _check_size("zip", len(infos), sum(i.file_size for i in infos))  # before anything is unpacked
            files = {i.filename: archive.read(i) for i in infos if not _IGNORED & set(PurePosixPath(i.filename).parts)}
    except _BROKEN_ZIP as error:
        raise InputError("zip", f"cannot be read: {error}.", "Export the pack again.") from error
    for name in files:
        _inside(name)
    tops = {name.split("/", 1)[0] for name in files}
    if "domain.yaml" not in files and len(tops) == 1 and all("/" in name for name in files):
        files = {name.split("/", 1)[1]: data for name, data in files.items()}
    _check_size("pack", len(files), sum(map(len, files.values())))  # a zip may declare smaller sizes than it holds
    return files


def files_digest(files: Mapping[str, bytes]) -> str:
    """Return 16 hex digits that name exactly these paths and bytes."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{len(name.encode())}:{name}:{len(files[name])}:".encode())
        total.update(files[name])
    return total.hexdigest()[:16]


def _inside(name: str) -> PurePosixPath:
    """Return a file's name as a path. Raises InputError for one that leads out of the pack."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name or not path.parts:
        raise InputError(name, "leads out of the pack.", "Use plain relative paths.")
    return path


def _check_size(what: str, count: int, size: int) -> None:
    if count > MAX_FILES or size > MAX_BYTES:
        raise InputError(what, f"holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MB.", "Make it smaller.")
