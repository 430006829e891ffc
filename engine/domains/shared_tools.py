"""The rules of shared tool files: one Python file per name and version, which never changes.

A pack names what it uses in domain.yaml (`shared_tools: [calculator@1]`) and holds a copy as `shared/calculator@1.py`.
The copy is what runs and what the digest covers, so a pack works without the library; the library is asked only for
files that a pack does not hold yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from engine.domains import strict_yaml
from engine.domains.signature import tools_from_source
from engine.errors import InputError
from engine.reading.places import Source
from engine.types import SHARED, SHARED_NAME, Tool, is_shared, shared_path

Find = Callable[[str], bytes | None]
"""Returns the library's file of a `name@version`, or None."""
_FIELD = "shared_tools"
_LINES = re.compile(rf"^{_FIELD}:.*\n?(?:[ \t]+.*\n?|[-\]].*\n?)*", re.MULTILINE)
"""The field with its value: on one line, or with further lines that are indented or begin with a dash or bracket."""


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


def shareable_tools(name: str, text: bytes) -> tuple[Tool, ...]:
    """Return the tools of a file that somebody wants to share. Raises InputError or InputErrors when it cannot be."""
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
    """Return the `name@version` entries of domain.yaml; anything else in the list is left out."""
    return _named(files) or []


def _named(files: Mapping[str, bytes]) -> list[str] | None:
    """Return the same as `names_in`, or None when domain.yaml cannot be read (parsing refuses that with its line)."""
    try:
        strict_yaml.yaml_value(files.get("domain.yaml", b""), "domain.yaml")  # the loader below has no bounds
        head = yaml.load(files.get("domain.yaml", b""), Loader=yaml.BaseLoader)
    except (InputError, yaml.YAMLError, ValueError, RecursionError):
        return None
    named = head.get(_FIELD) if isinstance(head, dict) else None
    listed = named if isinstance(named, list) else []
    return [name for name in listed if isinstance(name, str) and SHARED_NAME.fullmatch(name)]


def with_shared_files(files: Mapping[str, bytes], find: Find) -> dict[str, bytes]:
    """Return a pack's files with every shared file that it names and lacks, as far as the library has them."""
    lacking = [name for name in names_in(files) if shared_path(name) not in files]
    found = {shared_path(name): find(name) for name in lacking}
    return {**files, **{path: text for path, text in found.items() if text is not None}}


def shared_file_changes(files: Mapping[str, bytes], find: Find) -> dict[str, bytes | None]:
    """Return the changes {path: bytes, or None to remove it} after which a pack holds exactly the shared files that it
    names; {} while domain.yaml cannot be read."""
    named = _named(files)
    if named is None:
        return {}
    wanted = {shared_path(name) for name in named}
    laid = with_shared_files(files, find)
    changes: dict[str, bytes | None] = {path: text for path, text in laid.items() if path not in files}
    return changes | {path: None for path in files if is_shared(path) and path not in wanted}


def with_names(text: str, names: Sequence[str]) -> str:
    """Return the text of a domain.yaml with `shared_tools` set to these names; its other lines stay as they are."""
    line = f"{_FIELD}: [{', '.join(names)}]\n" if names else ""
    changed, found = _LINES.subn(line, text, count=1)
    return changed if found or not names else text.rstrip("\n") + f"\n{line}"


def differing(files: Mapping[str, bytes], find: Find) -> list[str]:
    """Return the names whose file in the pack differs from the library's."""
    return [name for name in names_in(files) if find(name) not in (None, files.get(shared_path(name)))]


def refusals(source: Source, names: Sequence[str], files: Mapping[str, bytes]) -> list[InputError]:
    """Return what is wrong with the `names` in domain.yaml (`source`), and with the files under shared/."""
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
        if names or is_shared(path):  # older packs may have a folder shared/ for their own purposes
            move = f"Add {path[len(SHARED) :].removesuffix('.py')} to {_FIELD}, or delete the file."
            errors.append(InputError(path, "is not named in domain.yaml.", move, file=path))
    return errors
