"""Finds where in a file a refused value is: file, line and field, all counted from 1.

    Source("templates/a.yaml", data).where(("turns", 0, "chain", 1, "call"))
    -> "templates/a.yaml line 14: turns.1.chain.2.call"

A path consists of keys (text) and indexes of lists (from 0 as in Python). Lines are searched only when something is
refused, so a correct file costs nothing. Works for YAML, JSON that is also YAML, and TOML with one key per line; other
files give places without a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from pydantic import ValidationError

from engine.errors import InputError
from engine.reading.json_value import leaves
from engine.types import Domain, ReferenceCall, TaskTemplate

Path = tuple[int | str, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")


def dotted(path: Path) -> str:
    """Return a path for readers: lists count from 1, and a file that is a list has an "entry 1"."""
    words = [str(part + 1) if isinstance(part, int) else part for part in path]
    if path and isinstance(path[0], int):
        words[0] = f"entry {words[0]}"
    return ".".join(words)


def path_of(loc: Sequence[int | str], value: Any, *, absent: bool = False) -> Path:
    """Return the `loc` of a pydantic error in `value` as a path, without the type names that pydantic inserts.

    With `absent` the last part is a missing field.
    """
    found: list[int | str] = []
    for number, part in enumerate(loc):
        if isinstance(value, Mapping):
            known = part in value
            if part == "[key]" or not (known or (absent and number == len(loc) - 1)):
                continue
            found.append(str(part))
            value = value[part] if known else None
        elif isinstance(value, list | tuple) and isinstance(part, int):
            found.append(part)
            value = value[part] if part < len(value) else None
    return tuple(found)


@dataclass(frozen=True)
class Source:
    """A file as its author wrote it. Without `data` its places have no line."""

    name: str
    data: bytes = b""

    def line(self, path: Path) -> int | None:
        """Return the line of a field, or of the nearest thing around it that the file has; None without one."""
        if not self.data or not path:
            return None
        if self.name.endswith(".toml"):
            return _toml_line(self.data.decode(errors="replace"), path)
        return _yaml_line(_tree(self.data), path)

    def where(self, path: Path) -> str:
        """Return "file line n: field", the parts that are known."""
        line = self.line(path)
        return self.name + (f" line {line}" if line else "") + (f": {dotted(path)}" if path else "")

    def refusal(self, path: Path, problem: str, next_move: str = "", *, source: object = None) -> InputError:
        """Return the error for the value at a path; `source` is as in InputError."""
        where, line = self.where(path), self.line(path)
        return InputError(where, problem, next_move, file=self.name, line=line, source=source)

    def refusals(self, error: ValidationError, value: Any, below: Path = ()) -> list[InputError]:
        """Return the errors that pydantic found in `value`, which is at `below` in the file, one per place."""
        by_path: dict[Path, tuple[list[str], str]] = {}
        listed = error.errors(include_url=False, include_context=False)
        for one in listed:
            if one["type"] == "too_short" and any(_is_below(other["loc"], one["loc"]) for other in listed):
                continue  # pydantic counts a refused entry as missing, so a list of wrong ones looks too short as well
            missing = one["type"] == "missing"
            unknown = one["type"] == "extra_forbidden"
            path = (*below, *path_of(one["loc"], value, absent=missing))
            problems, _ = by_path.setdefault(path, ([], "Add it." if missing else ""))
            message = "is no known field" if unknown else one["msg"].removeprefix("Value error, ").rstrip(".")
            if message not in problems:
                problems.append(message)
        return [self.refusal(path, f"{', or: '.join(words)}.", move) for path, (words, move) in by_path.items()]


def _is_below(loc: Sequence[int | str], around: Sequence[int | str]) -> bool:
    return len(loc) > len(around) and tuple(loc[: len(around)]) == tuple(around)


@lru_cache(maxsize=64)
def _tree(data: bytes) -> yaml.Node | None:
    try:
        return yaml.compose(data.decode(), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None


def _yaml_line(node: yaml.Node | None, path: Path) -> int | None:
    if node is None:
        return None
    line: int = node.start_mark.line
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _toml_line(text: str, path: Path) -> int | None:
    """Return the line whose key is the longest prefix of the path; None when no line has one."""
    best, found = 0, None
    for number, written in _toml_keys(text):
        shared = len(written) if written == path[: len(written)] else 0
        if shared > best:
            best, found = shared, number
    return found


def _toml_keys(text: str) -> Iterator[tuple[int, Path]]:
    """Yield (line number, path) of every table header and key."""
    table: Path = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            name = header.group(2)
            table = tuple(part.strip(" \"'") for part in name.split("."))
            if header.group(1) == "[[":
                counts[name] = counts.get(name, -1) + 1
                table = (*table, counts[name])
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *(part.strip("\"'") for part in key.group(1).split(".")))


# ---------------------------------------------------------------- templates


def template_file(domain: Domain, id: str) -> Source:
    """Return the file of the template with this id; its usual path, perhaps empty, when there is none."""
    usual = f"templates/{id}.yaml"
    if usual in domain.files and _yaml_id(domain.files[usual]) == id:
        return Source(usual, domain.files[usual])
    for path, data in domain.files.items():
        if path.startswith("templates/") and path.endswith((".yaml", ".yml")) and _yaml_id(data) == id:
            return Source(path, data)
    return Source(usual, domain.files.get(usual, b""))


def _yaml_id(data: bytes) -> str | None:
    """Return the top-level `id` of a YAML file, None when it has none or cannot be read."""
    node = _tree(data)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((str(v.value) for k, v in pairs if k.value == "id"), None)


def in_template(domain: Domain, error: InputError, among: Sequence[str] = ()) -> InputError:
    """Return the error with the file, line and field of the template part in its `source`.

    Templates with an id in `among` are searched first. An error whose source is in no template is returned unchanged.
    """
    for template in sorted(domain.templates, key=lambda t: t.id not in among):
        for path in _paths(template, error.source):
            file = template_file(domain, template.id)
            return file.refusal(path, error.problem, error.next_move, source=error.source)
    return error


def _paths(template: TaskTemplate, part: object) -> Iterator[Path]:
    """Yield the places of a text or a step in a template."""
    if isinstance(part, str):
        yield from (path for path, text in leaves(template.model_dump()) if text == part)
    elif isinstance(part, ReferenceCall):
        for number, turn in enumerate(template.turns):
            yield from (("turns", number, "chain", at) for at, step in enumerate(turn.chain) if step == part)
