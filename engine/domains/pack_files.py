"""The files of a domain pack as {path: bytes}: read from a folder or a zip, written to one, and hashed.

Nothing here looks inside a file. The same files always give the same zip and digest.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from engine.errors import InputError

MAX_FILES = 2_000
MAX_BYTES = 64 << 20
MOST_PART, MOST_NAME = 255, 1_000
"""Bytes of one part of a file's name, and of all of it."""
_MOST_ENTRIES = 50_000
"""Entries that an archive may list before it is opened at all; ignored ones are among them."""
_ENTRY = b"PK\x01\x02"
_JOINERS = "\u200c\u200d"
"""Invisible, and yet part of ordinary words and emoji."""
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
    size = 0
    for path in sorted(_plain_files(folder)):
        size += path.stat().st_size
        _check_size("pack", len(files) + 1, size)  # before it is read
        files[path.relative_to(folder).as_posix()] = path.read_bytes()
    _check_size("pack", len(files), sum(map(len, files.values())))
    return files


def _plain_files(folder: Path) -> list[Path]:
    """Return the files below a folder. Raises InputError for links and the like, and for too many."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _IGNORED)
        for name in (*folders, *names):
            path = Path(root, name)
            if name in _IGNORED or (name in folders and not path.is_symlink()):
                continue
            if path.is_symlink() or not path.is_file():
                relative = shown(path.relative_to(folder).as_posix())
                raise InputError(relative, "is a link or no plain file.", "Packs hold plain files only.")
            found.append(path)
        _check_size("pack", len(found), 0)
    return found


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
        if data.count(_ENTRY) > _MOST_ENTRIES:
            raise InputError("zip", f"holds more than {MAX_FILES} files.", "Make it smaller.")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir()]
            _check_size("zip", len(infos), sum(i.file_size for i in infos))  # before anything is unpacked
            names = [i.filename for i in infos]
            if twice := next((i.filename for i in infos if names.count(i.filename) > 1), None):
                raise InputError(shown(twice), "stands twice in the zip.", "Keep one of them.")
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
        raw = name.encode("utf-8", "surrogatepass")  # a name that parsing refuses has a digest too
        total.update(b"%d:%b:%d:" % (len(raw), raw, len(files[name])))
        total.update(files[name])
    return total.hexdigest()[:16]


def _inside(name: str) -> PurePosixPath:
    """Return a file's name as a path. Raises InputError for one that leads out of the pack."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name or not path.parts:
        raise InputError(shown(name), "leads out of the pack.", "Use plain relative paths.")
    return path


def name_faults(files: Iterable[str]) -> list[InputError]:
    """Return what is wrong with the names of a pack's files: they must be the same file on every system, and look like
    what they are."""
    found: list[InputError] = []
    known = set(files)
    folded: dict[str, str] = {}
    for name in sorted(known):
        where = shown(name)
        problem = name_problem(name)
        if problem:
            found.append(InputError(where, problem, "Rename the file.", file=where))
            continue
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            here = "/".join(parts[:end])
            if end < len(parts) and here in known:
                found.append(InputError(where, f"{here} is a file and a folder.", "Rename one of them.", file=where))
            other = folded.setdefault(unicodedata.normalize("NFC", here).casefold(), here)
            if other != here:
                problem = f"differs from {shown(other)} by case or accents only."
                found.append(InputError(where, problem, "Rename one of them.", file=where))
                break
    return found


def name_problem(name: str) -> str:
    """Return what is wrong with the name of one file, "" when nothing is."""
    if odd := odd_character(name):
        return f"holds {odd}, which nobody sees."
    raw = name.encode()
    if "\\" in name or name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        return "leads out of the pack."
    if any(part in ("", ".") for part in name.split("/")):
        return "is no plain path: a part of it is empty or a dot."
    if len(raw) > MOST_NAME or any(len(part) > MOST_PART for part in raw.split(b"/")):
        return f"is longer than {MOST_NAME} bytes, or a part of it than {MOST_PART}."
    return ""


def odd_character(text: str) -> str:
    """Return the first character that cannot be seen or turns the text around, as U+202E; "" without one."""
    if text.isascii() and text.isprintable():
        return ""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _JOINERS:
            return f"U+{ord(character):04X}"
    return ""


def shown(name: str) -> str:
    """Return a name as it can be printed: what cannot be seen is escaped, a long one is cut, an empty one quoted."""
    plain = "".join(one if not odd_character(one) else f"\\u{ord(one):04x}" for one in name[:200])
    return (plain or '""') if len(name) <= 200 else f"{plain}..."


def _check_size(what: str, count: int, size: int) -> None:
    if count > MAX_FILES or size > MAX_BYTES:
        raise InputError(what, f"holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MB.", "Make it smaller.")
