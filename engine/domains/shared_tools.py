"""The shared library of tools: one Python file per name and version, which never changes.

A pack names what it uses in domain.yaml (`shared_tools: [calculator@1]`) and carries the text as
`shared/calculator@1.py`. That text is what runs and what the digest covers, so a pack needs no library to work; the
library is only asked for texts that a pack does not hold yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from engine.domains.signature import tools_from_source
from engine.errors import InputError
from engine.reading.places import Source
from engine.types import SHARED, SHARED_NAME, Tool, is_shared, shared_path

Find = Callable[[str], bytes | None]
"""Gives the library's text of a `name@version`, None where it has none."""
_FIELD = "shared_tools"
_LINES = re.compile(rf"^{_FIELD}:.*\n?(?:[ \t]+.*\n?|[-\]].*\n?)*", re.MULTILINE)
"""The field as it is usually written: on one line, or with lines that are indented or begin with a dash."""


class SharedFile(NamedTuple):
    """One version of a shared tool file."""

    name: str
    version: int
    text: bytes


def shipped(folder: Path) -> Iterator[SharedFile]:
    """Yield every <name>/<version>.py below a folder, by name and version."""
    found = [(path.parent.name, int(path.stem), path) for path in folder.glob("*/*.py") if path.stem.isdecimal()]
    for name, version, path in sorted(found):
        yield SharedFile(name, version, path.read_bytes())


def checked(name: str, text: bytes) -> tuple[Tool, ...]:
    """Return the tools of a text that is to be shared. Raises InputError or InputErrors."""
    if not SHARED_NAME.fullmatch(f"{name}@1"):
        move = "Use a-z, 0-9 and _, a letter first, up to 60 of them, for example refunds."
        raise InputError("name", f"{name!r} is no name of a shared tool.", move)
    try:
        tools = tools_from_source({shared_path(f"{name}@1"): text.decode()})
    except UnicodeDecodeError as error:
        raise InputError(name, "is not UTF-8 text.", "Save the file as UTF-8.") from error
    if not tools:
        raise InputError(name, "defines no tool.", "Add a public function with a docstring.")
    return tools


def names_in(files: Mapping[str, bytes]) -> list[str]:
    """Return the `name@version` texts that domain.yaml gives, without what is not of that form."""
    return _named(files) or []


def _named(files: Mapping[str, bytes]) -> list[str] | None:
    """Return the same; None where domain.yaml cannot be read, which parsing refuses with its line."""
    try:
        head = yaml.load(files.get("domain.yaml", b""), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    named = head.get(_FIELD) if isinstance(head, dict) else None
    listed = named if isinstance(named, list) else []
    return [name for name in listed if isinstance(name, str) and SHARED_NAME.fullmatch(name)]


def laid_in(files: Mapping[str, bytes], find: Find) -> dict[str, bytes]:
    """Return a pack with every shared file that it names and lacks, as far as the library has it."""
    lacking = [name for name in names_in(files) if shared_path(name) not in files]
    found = {shared_path(name): find(name) for name in lacking}
    return {**files, **{path: text for path, text in found.items() if text is not None}}


def settled(files: Mapping[str, bytes], find: Find) -> dict[str, bytes | None]:
    """Return the changes (None: take the file out) after which a pack holds the shared files that it names and no
    others; none while domain.yaml cannot be read."""
    named = _named(files)
    if named is None:
        return {}
    wanted = {shared_path(name) for name in named}
    laid = laid_in(files, find)
    changes: dict[str, bytes | None] = {path: text for path, text in laid.items() if path not in files}
    return changes | {path: None for path in files if is_shared(path) and path not in wanted}


def with_names(text: str, names: Sequence[str]) -> str:
    """Return the text of a domain.yaml that names these shared tools; its other lines stay as they are."""
    line = f"{_FIELD}: [{', '.join(names)}]\n" if names else ""
    changed, found = _LINES.subn(line, text, count=1)
    return changed if found or not names else text.rstrip("\n") + f"\n{line}"


def differing(files: Mapping[str, bytes], find: Find) -> list[str]:
    """Return the names whose text in the pack is not that of the library, where the library has one."""
    return [name for name in names_in(files) if find(name) not in (None, files.get(shared_path(name)))]


def refusals(source: Source, names: Sequence[str], files: Mapping[str, bytes]) -> list[InputError]:
    """Return what is wrong with the names that domain.yaml (`source`) gives and the files under shared/."""
    errors: list[InputError] = []
    for number, name in enumerate(names):
        stem, place = name.partition("@")[0], (_FIELD, number)
        if stem in [other.partition("@")[0] for other in names[:number]]:
            errors.append(source.refusal(place, f"{stem} stands twice.", "Keep one version."))
        elif shared_path(name) not in files:
            move = f"Name one of `python -m engine list shared_tools`, or add {shared_path(name)}."
            errors.append(source.refusal(place, f"neither the pack nor the library holds {name}.", move))
    named = {shared_path(name) for name in names}
    for path in sorted(path for path in files if path.startswith(SHARED) and path not in named):
        if names or is_shared(path):  # a pack that names none may have had a folder of this name before
            move = f"Add {path[len(SHARED) :].removesuffix('.py')} to {_FIELD}, or delete the file."
            errors.append(InputError(path, "is not named in domain.yaml.", move, file=path))
    return errors
